"""SwinForMaskedImageModeling of transformers and SimMIM's own files (github.com/microsoft/SimMIM), as `simmim_swin`."""

import math
import re

from zoo.errors import ZooError
from zoo.pretrained.converters import vit_mae

# The second stands for files without a config.
CLASSES = ("SwinForMaskedImageModeling", "SimMIM")
LAYOUT = "simmim_pretrain__swin_base__img192_window6__800ep.pth of SimMIM"

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


def described(shapes):
    """See `families.modules`."""
    names = {canonical(name): shape for name, shape in shapes.items()}
    if not names.keys() >= {"swin.embeddings.mask_token", "swin.embeddings.patch_embeddings.projection.weight"}:
        return None
    blocks, heads = [], []
    while (first := f"swin.encoder.layers.{len(blocks)}.blocks.0.attention.relative_position_bias.{_TABLE}") in names:
        stage = rf"swin\.encoder\.layers\.{len(blocks)}\.blocks\.(\d+)\."
        blocks.append(1 + max(int(m[1]) for name in names if (m := re.match(stage, name))))
        heads.append(names[first][1])
    width, _, _, patch = names["swin.embeddings.patch_embeddings.projection.weight"]
    window = (1 + math.isqrt(names[f"swin.encoder.layers.0.blocks.0.attention.relative_position_bias.{_TABLE}"][0])) // 2
    # The files have the masks of shifted windows, (windows, window², window²), from which the size of the images follows.
    shifted = names.get("swin.encoder.layers.0.blocks.1.attn_mask", (1,))
    return {
        "_class_name": "SimMIM",
        "image_size": math.isqrt(shifted[0]) * window * patch,
        "patch_size": patch,
        "embed_dim": width,
        "depths": blocks,
        "num_heads": heads,
        "window_size": window,
        "mlp_ratio": names["swin.encoder.layers.0.blocks.0.mlp.fc1.weight"][0] / width,
        "encoder_stride": math.isqrt(names["decoder.0.weight"][0] // 3),
    }


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


_TABLE = "relative_position_bias_table"
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
    side, _, *inside, last = path.split("/")
    if last == "hidden":
        return "swin.embeddings.mask_token"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    if side == "decoder":
        return f"decoder.0.{end}"
    # net, stages and the number of the stage: the embedding, those of the blocks, the last normalization.
    stage, inside = int(inside[2]), inside[3:]
    if stage == 0:
        return f"swin.embeddings.{_EMBEDDING[inside[0]]}.{end}"
    if not inside:
        return f"swin.layernorm.{end}"
    index, *parts = inside[1:]
    # A stage begins with the merging that is the end of the original's stage before.
    merging = stage > 1
    if merging and index == "0":
        return f"swin.encoder.layers.{stage - 2}.downsample.{_MERGING[parts[0]]}.{end}"
    block = f"swin.encoder.layers.{stage - 1}.blocks.{int(index) - merging}"
    if parts == ["attention"]:
        return f"{block}.attention.relative_position_bias.{_TABLE}"
    if parts == ["attention", "qkv"]:
        return tuple(f"{block}.attention.{name}_proj.{end}" for name in "qkv")
    return f"{block}.{_BLOCK['/'.join(parts)]}.{end}"
