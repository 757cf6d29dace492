"""Finite scalar quantization, without a learned codebook (Mentzer et al. 2023, arXiv:2309.15505)."""

import math

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.discrete import DiscreteCode, straight_through


class FiniteScalarCode(DiscreteCode):
    """Each number of a vector is bounded by tanh and rounded to one of L_i levels, evenly spaced over -1..1.

    With a = (L - 1) / 2, the code is round(a tanh z) / a for an odd L, and for an even L the same with half-integers. The
    levels are symmetric about zero in both cases, unlike those of the paper for an even L. The gradient is passed straight
    through the rounding. Adds no loss term.

    Args:
        levels: L_i of each number; a vector is one of Π L_i codes.
        groups: number of vectors per code, if the encoder's output is a vector.
    """

    def __init__(self, levels, groups=1, **kwargs):
        levels = tuple(levels)
        if not levels or min(levels) < 2:
            raise ZooError(f"got levels={levels}, expected at least one number of levels, each at least 2.")
        super().__init__(len(levels), math.prod(levels), groups, **kwargs)
        self.levels = levels
        # NumPy arrays, which become constants of a graph; combine them by `ops`, because PyTorch's operators reject them.
        self._half = (np.array(levels, np.float32) - 1) / 2
        # Place value of each number in the index; the first number is the least significant one, as in the paper.
        self._places = np.cumprod([1, *levels[:-1]]).astype(np.int32)

    def bound(self, vectors):
        """Numbers (..., len(levels)) bounded to -a..a, float32."""
        return ops.multiply(self._half, ops.tanh(vectors))

    def _levels_of(self, vectors):
        """Levels 0..L-1, as float32: the distance of a bounded number from the lowest level, rounded."""
        return ops.round(ops.add(self.bound(vectors), self._half))

    def call(self, h):
        vectors = self.vectors(h)
        rounded = ops.subtract(self._levels_of(vectors), self._half)
        return self.as_code(ops.divide(straight_through(self.bound(vectors), rounded), self._half))

    def indices(self, h):
        return ops.sum(ops.multiply(ops.cast(self._levels_of(self.vectors(h)), "int32"), self._places), axis=-1)

    def embed(self, indices):
        levels = ops.mod(ops.floor_divide(ops.cast(indices, "int32")[..., None], self._places), np.array(self.levels, np.int32))
        return ops.divide(ops.subtract(ops.cast(levels, "float32"), self._half), self._half)
