"""Denoisers of the DnCNN paper in the files of KAIR (github.com/cszn/KAIR), such as dncnn_25.pth, as `denoising_dncnn`."""

import re

from zoo.pretrained.converters.shapes import image_shape

CLASSES = ("DnCNN",)
LAYOUT = "dncnn_25.pth and its like, of KAIR"

_NAME = re.compile(r"model\.(\d+)\.(weight|bias)")


def described(shapes):
    """See `families.modules`."""
    found = [_NAME.fullmatch(name) for name in shapes]
    indices = sorted({int(m[1]) for m in found if m})
    # Convolutions with an activation after each but the last; batch normalization is merged into the kernels.
    if not all(found) or indices != list(range(0, 2 * len(indices), 2)) or len(shapes) != 2 * len(indices):
        return None
    channels, filters = shapes["model.0.weight"][1], shapes["model.0.weight"][0]
    wanted = [channels, *[filters] * (len(indices) - 1), channels]
    if any(tuple(shapes[f"model.{i}.weight"]) != (wanted[n + 1], wanted[n], 3, 3) for n, i in enumerate(indices)):
        return None
    return {"_class_name": "DnCNN", "channels": channels, "filters": filters, "depth": len(indices)}


def config(theirs, input_shape=None):
    """The mapping from which `zoo.models.registry.build` makes the model.

    Args:
        theirs: what `described` returns.
        input_shape: (height, width, channels) of the images, None for 256 x 256.
    """
    channels = theirs["channels"]
    input_shape = image_shape(input_shape, channels, f"a DnCNN of {channels} channels")
    return {
        "variant": "denoising",
        "backbone": "dncnn",
        "input_shape": list(input_shape),
        "filters": theirs["filters"],
        "depth": theirs["depth"],
        "batch_norm": False,
    }


def sources(path, config):
    """The name of the array for the variable at `path`; the last convolution is that of the decoder."""
    side, index, last = re.fullmatch(r"(\w+)/backbone/net/stages/(\d+)/(\w+)", path).groups()
    index = index if side == "encoder" else 2 * (config["depth"] - 1)
    return f"model.{index}.{'weight' if last == 'kernel' else last}"
