"""`sample_weight` for images that are their own target, which Keras ignores, and rejection of `class_weight`."""

import functools
import inspect

import keras
import numpy as np

from zoo.errors import ZooError


class SampleWeights:
    """Mixin, before `keras.Model` in the bases, for models trained to reconstruct their inputs.

    Keras ignores weights if there is no target. Here an array without columns represents "the input itself" until the loss needs
    the target, see `explicit_target`.
    """

    @functools.wraps(keras.Model.fit, assigned=())
    def fit(self, *args, **kwargs):
        """As `keras.Model.fit`; `sample_weight` also works without `y`.

        Raises:
            ZooError: if `class_weight` is given, because the targets are not classes.
        """
        named = _named(keras.Model.fit, args, kwargs)
        if named.get("class_weight") is not None:
            raise ZooError(
                f"got class_weight, but the targets of {self.name} are not classes; give sample_weight, one per image."
            )
        held = named.get("validation_data")
        if isinstance(held, (tuple, list)) and len(held) == 3:
            named["validation_data"] = (held[0], _target(*held), held[2])
        return super().fit(**_weighted(named))

    @functools.wraps(keras.Model.evaluate, assigned=())
    def evaluate(self, *args, **kwargs):
        """As `keras.Model.evaluate`; `sample_weight` also works without `y`."""
        return super().evaluate(**_weighted(_named(keras.Model.evaluate, args, kwargs)))


def explicit_target(y):
    """The given target, or None if it is the input itself."""
    return None if y is None or y.shape[-1] == 0 else y


def _named(method, args, kwargs):
    names = list(inspect.signature(method).parameters)[1:]
    return {**dict(zip(names, args)), **kwargs}


def _weighted(named):
    return {**named, "y": _target(named.get("x"), named.get("y"), named.get("sample_weight"))}


def _target(x, y, sample_weight):
    if y is not None or sample_weight is None:
        return y
    return np.zeros((len(keras.tree.flatten(x)[0]), 0), "float32")
