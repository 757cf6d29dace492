"""Backbones: encoders and mirrored decoders, independent of the losses.

`build(name, input_shape, ...)` returns a `Pair`: the encoder's `Backbone`, and `decoder(code_shape, outputs)`, which builds the
mirrored decoder as soon as the bottleneck has determined the code's shape.
"""

import importlib
import inspect

from zoo.errors import ZooError
from zoo.utils.numbers import is_whole

NAMES = (
    "mlp",
    "conv",
    "resnet",
    "unet",
    "vit",
    "tcn",
    "gru",
    "lstm",
    "ldm",
    "taesd",
    "dcae",
    "dncnn",
    "convnext",
    "hiera",
    "swin",
)
# Those that take series (length, channels), besides `mlp`.
SERIES = ("vit", "tcn", "gru", "lstm")
_FIXED = ("input_shape",)


def _builder(name):
    return getattr(importlib.import_module(f"zoo.backbones.{name}"), name)


def options(name):
    """Names of the options of a backbone, without `input_shape`."""
    return list(parameters(name))


def parameters(name):
    """Mapping of the options of a backbone, without `input_shape`, to their `inspect.Parameter`."""
    return {p.name: p for p in inspect.signature(_builder(name)).parameters.values() if p.name not in _FIXED}


def build(name, input_shape, **options):
    """The `Pair` of a backbone for inputs of `input_shape`: (height, width, channels); for `mlp` also (features,), and
    for `mlp` and those of `SERIES` also (length, channels)."""
    return _builder(name)(check_shape(name, input_shape), **options)


def check_shape(name, input_shape):
    """`input_shape` as a tuple. Raises ZooError if the backbone does not support it."""
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    if not all(is_whole(n) and n > 0 for n in shape) or len(shape) not in (1, 2, 3):
        raise ZooError(
            f"got input_shape={input_shape!r}, expected (height, width, channels), (length, channels) or (features,), positive "
            "integers."
        )
    if len(shape) == 1 and name != "mlp":
        raise ZooError(f"got input_shape={shape} for the backbone {name!r}, which takes images; use 'mlp' for flat vectors.")
    if len(shape) == 2 and name not in ("mlp", *SERIES):
        raise ZooError(
            f"got input_shape={shape} for the backbone {name!r}, which takes images; for series, use {', '.join(SERIES)}."
        )
    return shape
