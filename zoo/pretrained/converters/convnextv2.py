"""ConvNeXt V2 as trained by masking (FCMAE), in the files of its authors (github.com/facebookresearch/ConvNeXt-V2) and of timm:
encoders alone, as `features` of `mae_convnext`."""

import re

from zoo.errors import ZooError
from zoo.pretrained.converters import vit_mae

_BLOCKS = {
    "atto": (2, 2, 6, 2),
    "femto": (2, 2, 6, 2),
    "pico": (2, 2, 6, 2),
    "nano": (2, 2, 8, 2),
    "tiny": (3, 3, 9, 3),
    "base": (3, 3, 27, 3),
    "large": (3, 3, 27, 3),
    "huge": (3, 3, 27, 3),
}
_FILTERS = {"atto": 40, "femto": 48, "pico": 64, "nano": 80, "tiny": 96, "base": 128, "large": 192, "huge": 352}
# Names of timm; the first stands for files without a config.
CLASSES = ("ConvNeXtV2", *(f"convnextv2_{size}" for size in _BLOCKS))
LAYOUT = "convnextv2_tiny_1k_224_fcmae.pt of ConvNeXt V2"
_SIDE = 224


def described(shapes):
    """See `families.modules`."""
    names = {canonical(name): shape for name, shape in shapes.items()}
    stages = sorted({int(m[1]) for name in names if (m := re.match(r"stages\.(\d+)\.blocks\.", name))})
    if "stem.0.weight" not in names or not stages or f"stages.{stages[0]}.blocks.0.mlp.grn.weight" not in names:
        return None

    def count(stage):
        return len({m[1] for name in names if (m := re.match(rf"stages\.{stage}\.blocks\.(\d+)\.", name))})

    return {
        "_class_name": "ConvNeXtV2",
        "filters": [names[f"stages.{i}.blocks.0.norm.weight"][0] for i in stages],
        "blocks": [count(i) for i in stages],
    }


def config(theirs, input_shape=None):
    """The mapping from which `zoo.models.registry.build` makes the model.

    Args:
        theirs: what `described` returns, or the config of a model of timm.
        input_shape: (height, width, channels) of the images, None for 224 x 224.
    """
    mean, deviation = vit_mae.MEAN, vit_mae.DEVIATION
    if "architecture" in theirs:
        about = theirs.get("pretrained_cfg") or {}
        if about.get("tag", "fcmae") != "fcmae" or theirs.get("num_classes", 0):
            raise ZooError(f"got a {theirs['architecture']}.{about.get('tag')}, expected weights trained by masking, *.fcmae.")
        mean, deviation = about.get("mean", mean), about.get("std", deviation)
        size = theirs["architecture"].removeprefix("convnextv2_")
        theirs = {"filters": [_FILTERS[size] * 2**i for i in range(4)], "blocks": _BLOCKS[size]}
    model = {
        "variant": "mae",
        "backbone": "convnext",
        "input_shape": list(input_shape or (_SIDE, _SIDE, 3)),
        "mask_ratio": 0.6,
        "mean": list(mean),
        "deviation": list(deviation),
        "filters": list(theirs["filters"]),
        "blocks": list(theirs["blocks"]),
        # A decoder that is not used, as small as can be.
        "decoder_width": 1,
        "decoder_depth": 0,
    }
    return {"variant": "features", "model": model}


_PARTS = {"conv": "conv_dw", "norm": "norm", "hidden": "mlp.fc1", "out": "mlp.fc2"}


def sources(path, config):
    """The name of the array for the variable at `path`."""
    *parts, last = path.removeprefix("encoder/backbone/net/").split("/")
    end = "weight" if last in ("kernel", "gamma") else "bias"
    if parts[0] != "blocks":
        # The convolutions that change the size, and the normalizations beside them.
        if parts[0].startswith("stem"):
            return f"stem.{1 if parts[0] == 'stem_norm' else 0}.{end}"
        return f"stages.{int(parts[1]) + 1}.downsample.{0 if parts[0] == 'norms' else 1}.{end}"
    stage, index, *inner = parts[1:]
    return f"stages.{stage}.blocks.{index}.{_PARTS[inner[0]] if inner else 'mlp.grn'}.{end}"


# The names of the authors and those of timm.
_OLD = (
    (r"^downsample_layers\.0\.", "stem."),
    (r"^downsample_layers\.(\d+)\.", r"stages.\1.downsample."),
    (r"^stages\.(\d+)\.(\d+)\.", r"stages.\1.blocks.\2."),
    (r"\.dwconv\.", ".conv_dw."),
    (r"\.pwconv", ".mlp.fc"),
    (r"(?<!mlp)\.grn\.gamma$", ".mlp.grn.weight"),
    (r"(?<!mlp)\.grn\.beta$", ".mlp.grn.bias"),
)


def canonical(name):
    """The name of an array in timm."""
    for old, new in _OLD:
        name = re.sub(old, new, name)
    return name


def ignored(name):
    """The last normalization, which training by masking does not have."""
    return name.startswith(("head.", "norm."))
