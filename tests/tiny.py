"""Options that make any model of the registry small enough to build in a blink."""

import importlib
import inspect

# Backbones of public models, which are there to be loaded, and are held against the originals by test_parity and its like.
PUBLISHED = ("ldm", "taesd", "dcae", "dncnn", "convnext", "hiera", "swin")
_BACKBONE = {
    "mlp": {"hidden": (16,)},
    "conv": {"filters": (4, 8)},
    "resnet": {"filters": (4, 8), "blocks": 1},
    "unet": {"filters": (4, 8), "blocks": 1},
    "ldm": {"filters": (4, 8), "blocks": 1, "groups": 2, "latent_channels": 3},
    "vit": {
        "patch_size": 2,
        "width": 8,
        "depth": 2,
        "heads": 2,
        "decoder_width": 8,
        "decoder_depth": 1,
        "decoder_heads": 2,
    },
    "tcn": {"filters": (4, 8)},
    "gru": {"units": (8,)},
    "lstm": {"units": (8,)},
    "taesd": {"filters": 4, "blocks": (1, 1)},
    "dncnn": {"filters": 4, "depth": 3},
    "convnext": {"filters": (4,), "blocks": (1,), "decoder_width": 4},
    "hiera": {"width": 4, "blocks": (1,), "decoder_width": 4, "decoder_depth": 1, "decoder_heads": 2},
    "swin": {"patch_size": 2, "width": 4, "blocks": (1, 2), "heads": 2, "window": 2},
    "dcae": {
        "filters": (4, 8),
        "blocks": (1, 1),
        "kinds": ("residual", "attention"),
        "scales": ((), (3,)),
        "head_dim": 4,
        "latent_channels": 4,
    },
}
# What a variant needs besides to fit the small backbones; a new variant without such needs has no entry.
_VARIANT = {
    "simmim": {"mask_size": 4},
    "contractive": {"penalty": "stochastic"},
    "ksparse": {"k": 2},
    "patch_dictionary": {"atoms": 6, "size": 3},
    "aae": {"discriminator": (16,)},
    "factor_vae": {"discriminator": (16,)},
    "vae_iaf": {"n_made": 2, "made_hidden": (8,), "context_dim": 6},
    "vae_lin_nf": {"flows": ("planar", "radial")},
    "ladder_vae": {"stochastic_layers": (1, 2), "latents": 2},
    "iwae": {"k": 3},
    "miwae": {"m": 2, "k": 2},
    "piwae": {"m": 2, "k": 2},
    "ciwae": {"k": 3},
    "vamp_vae": {"pseudo_inputs": 6},
    "wta": {"rate": 0.25, "pool": 2, "atom": 3},
    "vq_gan": {"codes": 8},
    "vq_vae": {"codes": 8, "groups": 4},
    "rq_vae": {"codes": 8, "groups": 4, "depth": 2},
    "fsq_vae": {"levels": (4, 3), "groups": 4},
    "gumbel_vae": {"codes": 4, "groups": 4},
}


def tiny(name, input_shape=(8, 8, 1), **options):
    """`create` of the model called `name`, with two layers of a few units, for inputs of `input_shape`."""
    from zoo.models import registry

    variant, _, backbone = name.rpartition("_")
    parameters = inspect.signature(importlib.import_module(f"zoo.models.{variant}").build).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    small = {"latent_dim": 4, **_BACKBONE[backbone], **_VARIANT.get(variant, {})}
    small = {key: value for key, value in small.items() if key in parameters or (open_ended and key in _BACKBONE[backbone])}
    if name == "superres_resnet":
        # A second stage would shrink the image.
        small["filters"] = (4,)
    return registry.create(variant, backbone, input_shape=input_shape, **{**small, **options})


def mostly_slow(values, always):
    """Parameters of a test: those in `always`, and all others with `-m ""` only, where they repeat the same rule."""
    import pytest

    return [value if value in always else pytest.param(value, marks=pytest.mark.slow) for value in values]


def cover(besides=()):
    """Names of models among which are every variant and every backbone, and those `besides`, sorted."""
    from zoo.models import registry

    names, seen = set(besides), set()
    for name in registry.list_models():
        variant, _, backbone = name.rpartition("_")
        if not {variant, backbone} <= seen:
            names.add(name)
        seen |= {variant, backbone}
    return sorted(names)
