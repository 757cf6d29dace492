"""AutoencoderRAE of diffusers: representation autoencoders of MAE or of DINOv2 with registers, as `autoencoder_rae`."""

import re

import numpy as np

from zoo.errors import ZooError
from zoo.pretrained.converters import vit_mae

CLASSES = ("AutoencoderRAE",)

_DEFAULTS = {
    "encoder_type": "dinov2",
    "encoder_hidden_size": 768,
    "encoder_patch_size": 14,
    "encoder_num_hidden_layers": 12,
    "decoder_hidden_size": 512,
    "decoder_num_hidden_layers": 8,
    "decoder_num_attention_heads": 16,
    "decoder_intermediate_size": 2048,
    "patch_size": 16,
    "encoder_input_size": 224,
    "scaling_factor": 1.0,
}
_FIXED = {"num_channels": 3, "reshape_to_2d": True}
# Size of a head in all encoders.
_HEAD = 64
# Of the images that the encoder was trained on, hidden units as a multiple of the width or in numbers, and its options.
_ENCODERS = {
    "dinov2": (518, 4.0, None, {"epsilon": 1e-6, "registers": 4, "learned": True}),
    "mae": (224, None, 3072, {"epsilon": 1e-12, "registers": 0, "learned": False}),
}


def config(theirs, input_shape=None):
    """The zoo's config of one of theirs. `input_shape` must be that of its decoder's images, which do not depend on the input."""
    for option, value in _FIXED.items():
        if theirs.get(option, value) != value:
            raise ZooError(f"got an AutoencoderRAE with {option}={theirs[option]!r}, expected {value!r}.")
    theirs = {**_DEFAULTS, **theirs}
    if theirs["encoder_type"] not in _ENCODERS:
        raise ZooError(f"got an AutoencoderRAE of {theirs['encoder_type']}, expected one of {', '.join(_ENCODERS)}.")
    side, ratio, hidden, options = _ENCODERS[theirs["encoder_type"]]
    size, patch, width = (theirs[f"encoder_{name}"] for name in ("input_size", "patch_size", "hidden_size"))
    pixels = size // patch * theirs["patch_size"]
    shape = (pixels, pixels, 3)
    if input_shape and tuple(input_shape) != shape:
        raise ZooError(f"got input_shape={tuple(input_shape)} for an AutoencoderRAE, whose images are {shape}.")
    return {
        "variant": "autoencoder_rae",
        "input_shape": list(shape),
        "encoder_size": size,
        "patch_size": patch,
        "width": width,
        "depth": theirs["encoder_num_hidden_layers"],
        "heads": width // _HEAD,
        "mlp_ratio": ratio or hidden / width,
        **options,
        "trained_grid": [side // patch] * 2,
        "decoder_width": theirs["decoder_hidden_size"],
        "decoder_depth": theirs["decoder_num_hidden_layers"],
        "decoder_heads": theirs["decoder_num_attention_heads"],
        "decoder_mlp_ratio": theirs["decoder_intermediate_size"] / theirs["decoder_hidden_size"],
        "mean": list(theirs.get("encoder_norm_mean") or vit_mae.MEAN),
        "deviation": list(theirs.get("encoder_norm_std") or vit_mae.DEVIATION),
        "scaling": theirs["scaling_factor"],
        "by_place": _by_place(theirs.get("latents_mean"), theirs.get("latents_std")),
    }


def _by_place(*moments):
    """Whether means and deviations of the code are given for each place and feature. Raises ZooError for other shapes."""
    shapes = {np.shape(numbers) for numbers in moments if numbers is not None}
    if any(len(shape) != 3 for shape in shapes) or (shapes and None in moments):
        raise ZooError(
            f"got an AutoencoderRAE with latents_mean and latents_std of shapes {', '.join(map(str, shapes))}, expected numbers "
            "for each feature and place in both, or none."
        )
    return bool(shapes)


_MOMENTS = {"mean": "_latents_mean", "deviation": "_latents_std"}
# Those are read for the encoder and for the decoder.
REPEATED = tuple(_MOMENTS.values())
_TOKENS = {
    "encoder/first": "embeddings.cls_token",
    "encoder/others": "embeddings.register_tokens",
    "encoder/positions": "embeddings.position_embeddings",
    "decoder/first": "trainable_cls_token",
}
_ENDS = {
    "encoder/embed": "embeddings.patch_embeddings.projection",
    "decoder/embed": "decoder_embed",
    "decoder/norm": "decoder_norm",
    "decoder/out": "decoder_pred",
}
_NORMS = {True: {"norm1": "norm1", "norm2": "norm2"}, False: {"norm1": "layernorm_before", "norm2": "layernorm_after"}}
_HIDDEN = {"hidden": "mlp.fc1", "out": "mlp.fc2"}


def sources(path, config):
    """The name of the array of the variable at `path`, or the names of the arrays that are concatenated to it."""
    side, *parts, last = path.split("/")
    if "moments" in parts:
        return _MOMENTS[last]
    if f"{side}/{last}" in _TOKENS:
        return f"{side}.{_TOKENS[f'{side}/{last}']}"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    # After the encoder of another model, or the decoder behind the standardization of the code.
    inside = parts[parts.index("net") + 1 :]
    if inside[0] != "blocks":
        return f"{side}.{_ENDS[f'{side}/{inside[0]}']}.{end}"
    learned = side == "encoder" and config["learned"]
    block = f"{side}.{'layers' if side == 'encoder' else 'decoder_layers'}.{inside[1]}"
    part = "/".join(inside[2:])
    if last.startswith("scale"):
        return f"{block}.layer_{last}.lambda1"
    if part == "attention/qkv":
        return tuple(f"{block}.attention.{name}_proj.{end}" for name in "qkv")
    if part == "attention/out":
        return f"{block}.attention.o_proj.{end}"
    return f"{block}.{({**_NORMS[learned], **_HIDDEN})[part]}.{end}"


# Encoder and decoder come from libraries with different names, which have changed.
_OLD = (
    (r"^encoder\.encoder\.layer\.", "encoder.layers."),
    (r"\.attention\.attention\.query\.", ".attention.q_proj."),
    (r"\.attention\.attention\.key\.", ".attention.k_proj."),
    (r"\.attention\.attention\.value\.", ".attention.v_proj."),
    (r"\.attention\.to_([qkv])\.", r".attention.\1_proj."),
    (r"\.attention\.(output\.dense|to_out\.0)\.", ".attention.o_proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)


def canonical(name):
    """One name for an array, whichever library and version it comes from."""
    for old, new in _OLD:
        name = re.sub(old, new, name)
    return name


def constants(model):
    """The normalization of the images, and the positions of a masked autoencoder."""
    found = {
        "encoder_mean": np.asarray(model.config["mean"], np.float32).reshape(1, 3, 1, 1),
        "encoder_std": np.asarray(model.config["deviation"], np.float32).reshape(1, 3, 1, 1),
    }
    if not model.config["learned"]:
        found["encoder.embeddings.position_embeddings"] = vit_mae.positions_of(model.config, "width")
    return found


def ignored(name):
    """The token that stands for masked patches in the training of DINOv2, and the decoder's positions, which are computed."""
    return name in ("encoder.embeddings.mask_token", "decoder.decoder_pos_embed")
