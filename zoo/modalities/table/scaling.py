"""The part of a table's preprocessing that is inside the graph: scaled numbers, flags of missing ones, and one-hot categories."""

import keras
import numpy as np
from keras import ops

# In robust standard deviations: up to here the scale is about linear, beyond it logarithmic.
_KNEE = 3.0
# The largest exponent of restored numbers: beyond it, float32 would overflow.
_LARGEST = 80.0


class TableScaling(keras.layers.Layer):
    """The raw array (N, C) of a table to the inputs (N, F) of the networks, and back.

    A number x becomes s(z), z = (x - center) / scale, with s(z) = sign(z) k log(1 + |z| / k): linear in the middle and
    logarithmic in heavy tails. A missing number is 0, and its flag is 1. A category is one-hot, or zeros if it is missing.

    The inputs are the n numbers, their n flags, and the slots of all categories; the decoder's outputs are the n numbers and the
    slots. Numbers and categories are in the order of the columns.

    Args:
        numbers: indices of the columns of numbers.
        categories: mapping of the indices of the columns of categories to their numbers of slots, in order; the last slot is that
            of unknown values.
    """

    def __init__(self, numbers, categories, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.numbers, self.categories = list(numbers), dict(categories)
        sizes = list(self.categories.values())
        self._columns = np.repeat(list(self.categories), sizes).astype(int)
        self._slots = np.concatenate([np.arange(size) for size in sizes] or [[]]).astype("float32")
        self._starts = np.cumsum([len(self.numbers), *sizes])[:-1]
        self._order = np.argsort([*self.numbers, *self.categories])

    @property
    def width(self):
        """F, the number of inputs of the networks."""
        return 2 * len(self.numbers) + len(self._columns)

    def build(self, input_shape=None):
        shape = (len(self.numbers),)
        self.center = self.add_weight(shape, "zeros", "float32", trainable=False, name="center")
        self.scale = self.add_weight(shape, "ones", "float32", trainable=False, name="scale")
        self.built = True

    def call(self, x):
        """(N, C), floats with NaN for missing values -> (N, F), float32."""
        x = ops.cast(x, "float32")
        found = []
        if self.numbers:
            numbers = ops.take(x, self.numbers, axis=1)
            missing = ops.isnan(numbers)
            known = ops.where(missing, ops.zeros_like(numbers), numbers)
            z = (known - ops.convert_to_tensor(self.center)) / ops.convert_to_tensor(self.scale)
            z = _KNEE * ops.sign(z) * ops.log(1 + ops.abs(z) / _KNEE)
            found += [ops.where(missing, ops.zeros_like(z), z), ops.cast(missing, "float32")]
        if self.categories:
            # By comparison: exported graphs differ in what a one-hot operation makes of NaN and negative numbers.
            found.append(ops.cast(ops.equal(ops.take(x, self._columns, axis=1), self._slots), "float32"))
        return ops.concatenate(found, axis=1)

    def restore(self, outputs):
        """Numbers on the scale of the inputs, and scores of the slots, (N, outputs) -> (N, C), float32; categories are those
        of the highest score among the known ones."""
        found = []
        if self.numbers:
            z = outputs[:, : len(self.numbers)]
            z = _KNEE * ops.sign(z) * (ops.exp(ops.minimum(ops.abs(z) / _KNEE, _LARGEST)) - 1)
            found.append(z * ops.convert_to_tensor(self.scale) + ops.convert_to_tensor(self.center))
        for start, size in zip(self._starts, self.categories.values()):
            known = outputs[:, start : start + max(1, size - 1)]
            found.append(ops.cast(ops.argmax(known, axis=1, keepdims=True), "float32"))
        return ops.take(ops.concatenate(found, axis=1), self._order, axis=1)
