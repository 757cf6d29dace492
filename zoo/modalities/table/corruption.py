"""Noise on tables: whole columns are hidden, as if their values were missing, or numbers get Gaussian noise."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.corruptions.corruption import Corruption, GaussianNoise, MaskingNoise


class ColumnMasking(Corruption):
    """Hides each column of a row with probability `level`: the networks are told so, as for a missing value.

    Args:
        numbers: number of columns of numbers.
        sizes: number of slots of each category.
    """

    def __init__(self, level, numbers, sizes, **kwargs):
        super().__init__(level, **kwargs)
        self.numbers, self.sizes = numbers, list(sizes)
        self._categories = numbers + np.repeat(np.arange(len(self.sizes)), self.sizes)

    def corrupt(self, x):
        shape = (ops.shape(x)[0], self.numbers + len(self.sizes))
        kept = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) >= self.levels(x)
        kept, n = ops.cast(kept, x.dtype), self.numbers
        slots = ops.take(kept, self._categories, axis=1)
        # The flag of a number is 1 if it is hidden or was missing before.
        flags = 1 - kept[:, :n] * (1 - x[:, n : 2 * n])
        return ops.concatenate([x[:, :n] * kept[:, :n], flags, x[:, 2 * n :] * slots], axis=1)


class NumberNoise(GaussianNoise):
    """Adds Gaussian noise to the numbers that are not missing; `level` is in robust standard deviations of a column.

    Args:
        numbers: number of columns of numbers.
    """

    def __init__(self, level, numbers, **kwargs):
        super().__init__(level, **kwargs)
        self.numbers = numbers

    def corrupt(self, x):
        n = self.numbers
        known = 1 - x[:, n : 2 * n]
        return ops.concatenate([super().corrupt(x[:, :n]) * known, x[:, n:]], axis=1)


def of_columns(corruption, numbers, sizes):
    """The layer that does to columns what `corruption` does to pixels. Raises ZooError if there is no such layer."""
    if corruption is None:
        return None
    if isinstance(corruption, MaskingNoise):
        return ColumnMasking(corruption.level, numbers, sizes)
    if isinstance(corruption, GaussianNoise):
        return NumberNoise(corruption.level, numbers)
    raise ZooError(f"got the corruption {type(corruption).__name__} for a table, expected noise='masking' or 'gaussian'.")
