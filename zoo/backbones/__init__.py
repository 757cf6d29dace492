"""Encoders and their mirrored decoders. They know shapes and nothing of losses.

`build(name, input_shape, ...)` gives a `Pair`: the encoder's `Backbone`, and `decoder(code_shape, outputs)`, which makes the
mirrored one once the bottleneck has settled what it reads.
"""

import importlib
import inspect

from zoo.errors import ZooError
from zoo.utils.numbers import is_whole

NAMES = ("mlp", "conv", "resnet", "unet", "vit", "ldm", "taesd", "dcae")
_FIXED = ("input_shape",)


def _builder(name):
    return getattr(importlib.import_module(f"zoo.backbones.{name}"), name)


def options(name):
    """Names of the options that a backbone takes besides `input_shape`."""
    return list(parameters(name))


def parameters(name):
    """Mapping of the options that a backbone takes besides `input_shape` to their `inspect.Parameter`."""
    return {p.name: p for p in inspect.signature(_builder(name)).parameters.values() if p.name not in _FIXED}


def build(name, input_shape, **options):
    """The `Pair` of a backbone for inputs of `input_shape`: (height, width, channels); for `mlp` also (features,), for `vit`
    also (length, channels)."""
    return _builder(name)(check_shape(name, input_shape), **options)


def check_shape(name, input_shape):
    """`input_shape` as a tuple; `ZooError` where the backbone reads no such inputs."""
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()
    if not all(is_whole(n) and n > 0 for n in shape) or len(shape) not in (1, 2, 3):
        raise ZooError(
            f"got input_shape={input_shape!r}, expected (height, width, channels), (length, channels) or (features,), positive "
            "integers."
        )
    if len(shape) == 1 and name != "mlp":
        raise ZooError(f"got input_shape={shape} for the backbone {name!r}, which reads images; flat vectors need 'mlp'.")
    if len(shape) == 2 and name != "vit":
        raise ZooError(f"got input_shape={shape} for the backbone {name!r}, which reads images; series need 'vit'.")
    return shape
