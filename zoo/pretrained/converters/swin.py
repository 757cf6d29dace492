"""SwinForMaskedImageModeling of transformers: SimMIM with Swin (Xie et al. 2022), as `simmim_swin`."""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters import vit_mae

CLASSES = ("SwinForMaskedImageModeling",)

_DEFAULTS = {
    "image_size": 224,
    "patch_size": 4,
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
    "mlp_ratio": 4.0,
    "layer_norm_eps": 1e-5,
    "encoder_stride": 32,
}
# What has one value in all models that the zoo reads.
_FIXED = {"num_channels": 3, "qkv_bias": True, "hidden_act": "gelu", "use_absolute_embeddings": False}


def config(theirs, input_shape=None):
    """The zoo's config of one of theirs, for images of `input_shape` (default: the size that it was trained on)."""
    for option, value in _FIXED.items():
        if theirs.get(option, value) != value:
            raise ZooError(f"got a Swin with {option}={theirs[option]!r}, expected {value!r}.")
    theirs = {**_DEFAULTS, **theirs}
    side, patch, stride = theirs["image_size"], theirs["patch_size"], theirs["encoder_stride"]
    blocks, heads = list(theirs["depths"]), list(theirs["num_heads"])
    if not isinstance(side, int) or not isinstance(patch, int):
        raise ZooError(f"got a Swin with image_size={side} and patch_size={patch}, expected an integer for each.")
    if heads != [heads[0] * 2**i for i in range(len(blocks))]:
        raise ZooError(f"got a Swin of {len(blocks)} stages with num_heads={heads}, expected as many numbers that double.")
    if stride != patch * 2 ** (len(blocks) - 1):
        raise ZooError(
            f"got a Swin of {len(blocks)} stages with patch_size={patch} and encoder_stride={stride}, expected "
            f"encoder_stride={patch * 2 ** (len(blocks) - 1)}, by which the images keep their size."
        )
    return {
        "variant": "simmim",
        "backbone": "swin",
        "input_shape": list(input_shape or (side, side, 3)),
        "mask_ratio": 0.6,
        # Of the published models; configs do not contain it.
        "mask_size": stride,
        "mean": list(vit_mae.MEAN),
        "deviation": list(vit_mae.DEVIATION),
        "patch_size": patch,
        "width": theirs["embed_dim"],
        "blocks": blocks,
        "heads": heads[0],
        "window": theirs["window_size"],
        "mlp_ratio": theirs["mlp_ratio"],
        "epsilon": theirs["layer_norm_eps"],
        "trained_grid": [side // patch] * 2,
    }


_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attention/out": "attention.o_proj",
    "hidden": "mlp.fc1",
    "out": "mlp.fc2",
}
_EMBEDDING = {"embed": "patch_embeddings.projection", "norm": "norm"}
_MERGING = {"norm": "norm", "reduce": "reduction"}


def sources(path, config):
    """The name of the array for the variable at `path`, or the names of the arrays that are concatenated to it."""
    side, *_, last = path.split("/")
    if last == "hidden":
        return "swin.embeddings.mask_token"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    if side == "decoder":
        return f"decoder.0.{end}"
    stage, index, part = place(path)
    if stage == 0:
        return f"swin.embeddings.{_EMBEDDING[part]}.{end}"
    if index is None:
        return f"swin.layernorm.{end}" if part is None else f"swin.encoder.layers.{stage - 2}.downsample.{_MERGING[part]}.{end}"
    block = f"swin.encoder.layers.{stage - 1}.blocks.{index}"
    if part == "attention":
        return f"{block}.attention.relative_position_bias.relative_position_bias_table"
    if part == "attention/qkv":
        return tuple(f"{block}.attention.{name}_proj.{end}" for name in "qkv")
    return f"{block}.{_BLOCK[part]}.{end}"


def place(path):
    """(stage, block, part) of the variable of the encoder at `path`. Stages count from 1; 0 is the embedding, and the number
    after the last is the normalization, whose part is None. The block is None for the merging before a stage's first block."""
    stage, *inside = path.removeprefix("encoder/backbone/net/stages/").split("/")[:-1]
    stage = int(stage)
    if stage == 0 or not inside:
        return stage, None, inside[0] if inside else None
    index, part = int(inside[1]), "/".join(inside[2:])
    if stage == 1:
        return stage, index, part
    return stage, index - 1 if index else None, part


# Newer versions of the library have other names in memory than in files.
_OLD = (
    (r"\.attention\.self\.query\.", ".attention.q_proj."),
    (r"\.attention\.self\.key\.", ".attention.k_proj."),
    (r"\.attention\.self\.value\.", ".attention.v_proj."),
    (r"\.attention\.self\.relative_position_bias_", ".attention.relative_position_bias.relative_position_bias_"),
    (r"\.attention\.output\.dense\.", ".attention.o_proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"(\.\d+)\.output\.dense\.", r"\1.mlp.fc2."),
)


def canonical(name):
    """The current name of an array."""
    for old, new in _OLD:
        name = re.sub(old, new, name)
    return name


def ignored(name):
    """What follows from the side of a window."""
    return name.endswith("relative_position_index")
