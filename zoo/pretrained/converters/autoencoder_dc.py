"""Deep compression autoencoders of diffusers, such as mit-han-lab/dc-ae-f32c32-sana-1.0-diffusers, as `autoencoder_dc_dcae`."""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters.shapes import image_shape

CLASSES = ("AutoencoderDC",)

_DEFAULTS = {
    "in_channels": 3,
    "latent_channels": 32,
    "attention_head_dim": 32,
    "encoder_block_types": "ResBlock",
    "decoder_block_types": "ResBlock",
    "encoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
    "decoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
    "encoder_layers_per_block": (2, 2, 2, 3, 3, 3),
    "decoder_layers_per_block": (3, 3, 3, 3, 3, 3),
    "encoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
    "decoder_qkv_multiscales": ((), (), (), (5,), (5,), (5,)),
    "upsample_block_type": "pixel_shuffle",
    "downsample_block_type": "pixel_unshuffle",
    "decoder_norm_types": "rms_norm",
    "decoder_act_fns": "silu",
    "encoder_out_shortcut": True,
    "decoder_in_shortcut": True,
    "decoder_conv_act_fn": "relu",
    "scaling_factor": 1.0,
}
# Values of their options, and the corresponding ones of the zoo.
_ACTIVATIONS = {"silu": "silu", "swish": "silu", "relu": "relu"}
_KNOWN = {
    "encoder_block_types": {"ResBlock": "residual", "EfficientViTBlock": "attention"},
    "decoder_block_types": {"ResBlock": "residual", "EfficientViTBlock": "attention"},
    "decoder_norm_types": {"rms_norm": "rms_norm", "batch_norm": "batch_norm"},
    "decoder_act_fns": _ACTIVATIONS,
    "decoder_conv_act_fn": _ACTIVATIONS,
    "downsample_block_type": {"pixel_unshuffle": "pixel_unshuffle", "conv": "conv", "Conv": "conv"},
    "upsample_block_type": {"pixel_shuffle": "pixel_shuffle", "interpolate": "interpolate"},
}
_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def config(theirs, input_shape=None):
    """The zoo's config of a model, for `zoo.models.registry.build`.

    Args:
        theirs: mapping in the config.json of the model.
        input_shape: (height, width, channels) of the images; None for 256 x 256.
    """
    given = {name: value for name, value in theirs.items() if not name.startswith("_")}
    for name in given:
        if name not in _DEFAULTS:
            raise ZooError(f"this AutoencoderDC has the option {name}={given[name]!r}, which the zoo does not support.")
    theirs = {**_DEFAULTS, **given}
    channels = theirs["in_channels"]
    input_shape = image_shape(input_shape, channels, f"an AutoencoderDC with in_channels={channels}")

    def ours(name):
        value = theirs[name]
        if name not in _KNOWN:
            return [list(v) if isinstance(v, (list, tuple)) else v for v in value]
        for one in [value] if isinstance(value, str) else value:
            if one not in _KNOWN[name]:
                raise ZooError(f"this AutoencoderDC has {name}={value!r}, expected {' or '.join(_KNOWN[name])}.")
        return _KNOWN[name][value] if isinstance(value, str) else [_KNOWN[name][one] for one in value]

    return {
        "variant": "autoencoder_dc",
        "backbone": "dcae",
        "input_shape": list(input_shape),
        "latent_channels": theirs["latent_channels"],
        "scaling": theirs["scaling_factor"],
        "loss": "mae",
        "filters": ours("encoder_block_out_channels"),
        "blocks": ours("encoder_layers_per_block"),
        "kinds": ours("encoder_block_types"),
        "scales": ours("encoder_qkv_multiscales"),
        "decoder_filters": ours("decoder_block_out_channels"),
        "decoder_blocks": ours("decoder_layers_per_block"),
        "decoder_kinds": ours("decoder_block_types"),
        "decoder_scales": ours("decoder_qkv_multiscales"),
        "decoder_norms": ours("decoder_norm_types"),
        "decoder_activations": ours("decoder_act_fns"),
        "last_activation": ours("decoder_conv_act_fn"),
        "head_dim": theirs["attention_head_dim"],
        "downsample": ours("downsample_block_type"),
        "upsample": ours("upsample_block_type"),
        "out_shortcut": theirs["encoder_out_shortcut"],
        "in_shortcut": theirs["decoder_in_shortcut"],
    }


def sources(path, config):
    """The name in their file of the array of the variable at `path`, or the names of the arrays that are concatenated to it."""
    path, _, last = path.rpartition("/")
    side, rest = re.fullmatch(r"(\w+)/backbone/(?:stages/1/)?(.*)", path).groups()
    rest = re.sub(r"^blocks/(\d+)/stages/", "down_blocks/\\1/" if side == "encoder" else "up_blocks/\\1/", rest)
    rest = rest.replace("/attn/scales/", "/attn/to_qkv_multiscale/")
    name = ".".join([side, *rest.split("/"), _VARIABLES.get(last, last)])
    if ".attn.qkv." in name:
        return tuple(name.replace(".qkv.", f".to_{part}.") for part in "qkv")
    return name


def ignored(name):
    """Whether an array is the step count of a batch normalization, which PyTorch stores and the model does not need."""
    return name.endswith(".num_batches_tracked")
