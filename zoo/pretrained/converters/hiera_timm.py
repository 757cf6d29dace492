"""Hiera as trained by masking in the files of timm: encoders alone, as `features` of `mae_hiera`.

They lack the layers that add the stages, so that the features are the tokens of the last stage, without a normalization: the one
in the files was trained on the sum.
"""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters import vit_mae

# Width of the first stage, its heads, and the blocks of the stages.
_SIZES = {
    "hiera_tiny_224": (96, 1, (1, 2, 7, 2)),
    "hiera_small_224": (96, 1, (1, 2, 11, 2)),
    "hiera_base_224": (96, 1, (2, 3, 16, 3)),
    "hiera_base_plus_224": (112, 2, (2, 3, 16, 3)),
    "hiera_large_224": (144, 2, (2, 6, 36, 4)),
    "hiera_huge_224": (256, 4, (2, 6, 36, 4)),
}
CLASSES = tuple(_SIZES)
_SIDE = 224


def config(theirs, input_shape=None):
    """The zoo's config of the encoder with timm's config `theirs`, for images of `input_shape` (default: 224 x 224).

    `model_args` in the config, as timm writes for models of other sizes, replaces the published sizes.
    """
    about = theirs.get("pretrained_cfg") or {}
    if about.get("tag", "mae") != "mae" or theirs.get("num_classes", 0):
        raise ZooError(f"got a {theirs['architecture']}.{about.get('tag')}, expected weights trained by masking, *.mae.")
    width, heads, blocks = _SIZES[theirs["architecture"]]
    args = theirs.get("model_args") or {}
    side = args.get("img_size", _SIDE)
    blocks = list(args.get("stages", blocks))
    unit = 4 * 2 ** (len(blocks) - 1)
    model = {
        "variant": "mae",
        "backbone": "hiera",
        "input_shape": list(input_shape or (side, side, 3)),
        "mask_ratio": 0.6,
        "mean": list(about.get("mean", vit_mae.MEAN)),
        "deviation": list(about.get("std", vit_mae.DEVIATION)),
        "width": args.get("embed_dim", width),
        "blocks": blocks,
        "heads": args.get("num_heads", heads),
        # A decoder that is not used, as small as can be.
        "decoder_width": 1,
        "decoder_depth": 0,
        "decoder_heads": 1,
        "trained_grid": [side // unit] * 2,
        "fused": False,
    }
    return {"variant": "features", "model": model}


_BLOCK = {
    "norm1": "norm1",
    "norm2": "norm2",
    "qkv": "attn.qkv",
    "attended": "attn.proj",
    "project": "proj",
    "hidden": "mlp.fc1",
    "out": "mlp.fc2",
}


def sources(path, config):
    """The name of the array for the variable at `path`."""
    *parts, last = path.removeprefix("encoder/backbone/net/").split("/")
    if last == "positions":
        return "pos_embed"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    if parts == ["embed"]:
        return f"patch_embed.proj.{end}"
    stage, index, part = re.fullmatch(r"stages/(\d+)/(\d+)/(\w+)", "/".join(parts)).groups()
    # timm counts the blocks of all stages.
    first = sum(config["model"]["blocks"][: int(stage)])
    return f"blocks.{first + int(index)}.{_BLOCK[part]}.{end}"


def ignored(name):
    """The normalization of the sum of the stages."""
    return name.startswith(("head.", "norm.", "encoder_norm."))
