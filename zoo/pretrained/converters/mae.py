"""Masked autoencoders in the files of their authors (github.com/facebookresearch/mae) as `mae_vit`, and their encoders alone, as
published for fine-tuning and in timm, as `features`.

Files do not say whether a model predicts normalized patches. Those with a decoder are read as predicting pixels: so do the
published ones, and so does the original code by default.
"""

import re

from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained.converters import vit_mae

# The first is that of the original code, the others are names of timm.
CLASSES = (
    "MaskedAutoencoderViT",
    "vit_base_patch16_224",
    "vit_large_patch16_224",
    "vit_huge_patch14_224",
)
LAYOUT = "mae_visualize_vit_base.pth and mae_pretrain_vit_base.pth of MAE"

# Arrays do not show the number of heads; those of the published sizes, by the width.
_HEADS = {192: 3, 384: 6, 512: 16, 768: 12, 1024: 16, 1280: 16}
_TIMM = {
    "vit_base_patch16_224": {"patch_size": 16, "width": 768, "depth": 12},
    "vit_large_patch16_224": {"patch_size": 16, "width": 1024, "depth": 24},
    "vit_huge_patch14_224": {"patch_size": 14, "width": 1280, "depth": 32},
}
_TIMM_SIDE = 224
_NEEDED = {"cls_token", "pos_embed", "patch_embed.proj.weight", "norm.weight", "blocks.0.attn.qkv.weight"}


def described(shapes):
    """See `families.modules`."""
    if not shapes.keys() >= _NEEDED:
        return None
    found = {
        "_class_name": "MaskedAutoencoderViT",
        "patch_size": shapes["patch_embed.proj.weight"][-1],
        "width": shapes["cls_token"][-1],
        "depth": _count(shapes, "blocks"),
        "mlp_ratio": shapes["blocks.0.mlp.fc1.weight"][0] / shapes["cls_token"][-1],
        "positions": shapes["pos_embed"][1] - 1,
    }
    if "mask_token" in shapes:
        found["decoder_width"] = shapes["mask_token"][-1]
        found["decoder_depth"] = _count(shapes, "decoder_blocks")
    return found


def _count(shapes, blocks):
    return 1 + max((int(m[1]) for name in shapes if (m := re.match(rf"{blocks}\.(\d+)\.", name))), default=-1)


def config(theirs, input_shape=None):
    """The mapping from which `zoo.models.registry.build` makes the model.

    Args:
        theirs: what `described` returns, or the config of a model of timm.
        input_shape: (height, width, channels) of the images, None for those that the model was trained on.
    """
    mean, deviation = vit_mae.MEAN, vit_mae.DEVIATION
    if "architecture" in theirs:
        about = theirs.get("pretrained_cfg") or {}
        mean, deviation = about.get("mean", mean), about.get("std", deviation)
        sizes = _TIMM[theirs["architecture"]]
        theirs = {"mlp_ratio": 4.0, "positions": (_TIMM_SIDE // sizes["patch_size"]) ** 2, **sizes}
    side = round(theirs["positions"] ** 0.5)
    if side**2 != theirs["positions"]:
        raise ZooError(f"got a ViT-MAE of {theirs['positions']} patches, expected those of a square image.")
    pixels = side * theirs["patch_size"]
    found = {
        "variant": "mae",
        "backbone": "vit",
        "input_shape": list(input_shape or (pixels, pixels, 3)),
        "mask_ratio": 0.75,
        "mean": list(mean),
        "deviation": list(deviation),
        "normalized_targets": False,
        **{name: theirs[name] for name in ("patch_size", "width", "depth", "mlp_ratio")},
        "heads": _heads(theirs["width"]),
        "epsilon": 1e-6,
        "trained_grid": [side, side],
    }
    if "decoder_width" not in theirs:
        # A decoder that is not used, as small as can be.
        return {"variant": "features", "model": {**found, "decoder_width": 4, "decoder_depth": 0, "decoder_heads": 1}}
    width = theirs["decoder_width"]
    return {**found, "decoder_width": width, "decoder_depth": theirs["decoder_depth"], "decoder_heads": _heads(width)}


def _heads(width):
    if width not in _HEADS:
        raise ZooError(f"got a ViT-MAE of width {width}, expected one of {', '.join(map(str, sorted(_HEADS)))}, as published.")
    return _HEADS[width]


_BLOCK = {"norm1": "norm1", "norm2": "norm2", "attention/qkv": "attn.qkv", "attention/out": "attn.proj", "hidden": "mlp.fc1"}
_BLOCK["out"] = "mlp.fc2"
_ENDS = {
    "encoder": {"embed": "patch_embed.proj", "norm": "norm"},
    "decoder": {"embed": "decoder_embed", "norm": "decoder_norm", "out": "decoder_pred"},
}
_BLOCKS = {"encoder": "blocks", "decoder": "decoder_blocks"}


def sources(path, config):
    """The name of the array for the variable at `path`."""
    side, _, *inside, last = path.split("/")
    if last in ("first", "hidden"):
        return "cls_token" if last == "first" else "mask_token"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    inside = inside[1:]
    if inside[0] != "blocks":
        return f"{_ENDS[side][inside[0]]}.{end}"
    return f"{_BLOCKS[side]}.{inside[1]}.{_BLOCK['/'.join(inside[2:])]}.{end}"


def constants(model):
    """The positions, see `zoo.pretrained.converters.vit_mae.constants`."""
    inner = registry.innermost(model.config)
    found = {"pos_embed": vit_mae.positions_of(inner, "width")}
    if inner is model.config:
        found["decoder_pos_embed"] = vit_mae.positions_of(inner, "decoder_width")
    return found
