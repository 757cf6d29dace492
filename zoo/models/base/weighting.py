"""`sample_weight` beside images that are their own target, which Keras drops, and `class_weight`, which has no meaning here."""

import functools
import inspect

import keras
import numpy as np

from zoo.errors import ZooError


class SampleWeights:
    """To stand before `keras.Model` among the bases of a model that is fitted to its own inputs.

    Keras leaves weights out where there is no target. Here an array without columns stands for "the input itself" until the loss
    asks for the target, see `given`.
    """

    @functools.wraps(keras.Model.fit, assigned=())
    def fit(self, *args, **kwargs):
        """As `keras.Model.fit`; `sample_weight` counts without a `y`, too.

        Raises:
            ZooError: for `class_weight`, as the targets are no classes.
        """
        named = _named(keras.Model.fit, args, kwargs)
        if named.get("class_weight") is not None:
            raise ZooError(f"got class_weight, but the targets of {self.name} are no classes; give sample_weight, one an image.")
        held = named.get("validation_data")
        if isinstance(held, (tuple, list)) and len(held) == 3:
            named["validation_data"] = (held[0], _target(*held), held[2])
        return super().fit(**_weighted(named))

    @functools.wraps(keras.Model.evaluate, assigned=())
    def evaluate(self, *args, **kwargs):
        """As `keras.Model.evaluate`; `sample_weight` counts without a `y`, too."""
        return super().evaluate(**_weighted(_named(keras.Model.evaluate, args, kwargs)))


def given(y):
    """The target that was given, or None where it is the input itself."""
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
