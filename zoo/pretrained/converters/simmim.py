"""SimMIM with Swin in the files of its authors (github.com/microsoft/SimMIM), as `simmim_swin`."""

import math
import re

from zoo.pretrained.converters import swin

CLASSES = ("SimMIM",)
LAYOUT = "simmim_pretrain__swin_base__img192_window6__800ep.pth of SimMIM"

_SHIFTED = "encoder.layers.0.blocks.1.attn_mask"
_NEEDED = {"encoder.mask_token", "encoder.patch_embed.proj.weight", "decoder.0.weight", _SHIFTED}


def described(shapes):
    """See `families.modules`. The size of the images follows from the masks of shifted windows, which the files contain."""
    if not shapes.keys() >= _NEEDED:
        return None
    blocks, heads = [], []
    while (table := f"encoder.layers.{len(blocks)}.blocks.0.attn.relative_position_bias_table") in shapes:
        stage = rf"encoder\.layers\.{len(blocks)}\.blocks\.(\d+)\."
        blocks.append(1 + max(int(m[1]) for name in shapes if (m := re.match(stage, name))))
        heads.append(shapes[table][1])
    width, _, _, patch = shapes["encoder.patch_embed.proj.weight"]
    windows, places = shapes[_SHIFTED][:2]
    return {
        "_class_name": "SimMIM",
        "image_size": math.isqrt(windows * places) * patch,
        "patch_size": patch,
        "embed_dim": width,
        "depths": blocks,
        "num_heads": heads,
        "window_size": math.isqrt(places),
        "mlp_ratio": shapes["encoder.layers.0.blocks.0.mlp.fc1.weight"][0] / width,
        "encoder_stride": math.isqrt(shapes["decoder.0.weight"][0] // 3),
    }


config = swin.config

_BLOCK = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attention/qkv": "attn.qkv",
    "attention/out": "attn.proj",
    "hidden": "mlp.fc1",
    "out": "mlp.fc2",
}
_EMBEDDING = {"embed": "proj", "norm": "norm"}
_MERGING = {"norm": "norm", "reduce": "reduction"}


def sources(path, config):
    """The name of the array for the variable at `path`."""
    side, *_, last = path.split("/")
    if last == "hidden":
        return "encoder.mask_token"
    end = "weight" if last in ("kernel", "gamma") else "bias"
    if side == "decoder":
        return f"decoder.0.{end}"
    stage, index, part = swin.place(path)
    if stage == 0:
        return f"encoder.patch_embed.{_EMBEDDING[part]}.{end}"
    if index is None:
        return f"encoder.norm.{end}" if part is None else f"encoder.layers.{stage - 2}.downsample.{_MERGING[part]}.{end}"
    block = f"encoder.layers.{stage - 1}.blocks.{index}"
    if part == "attention":
        return f"{block}.attn.relative_position_bias_table"
    return f"{block}.{_BLOCK[part]}.{end}"


def ignored(name):
    """What follows from the side of a window and the size of the images."""
    return name.endswith(("attn_mask", "relative_position_index"))
