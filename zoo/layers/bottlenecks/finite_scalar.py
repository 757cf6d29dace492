"""Finite scalar quantization: no codebook to learn, none to lose (Mentzer et al. 2023, arXiv:2309.15505)."""

import math

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.discrete import DiscreteCode, straight_through


class FiniteScalarCode(DiscreteCode):
    """Each of a vector's numbers is bounded by tanh and rounded to one of L_i levels, evenly spaced over -1..1.

    With a = (L - 1) / 2, the code is round(a tanh z) / a for an odd L, and the same on the half integers for an even one: the
    levels are symmetrical about zero for both, where the paper's are not for an even L. The gradient passes straight through
    the rounding. Charges nothing.

    Args:
        levels: L_i of every number; a vector is one of Π L_i codes.
        groups: vectors a code, where the encoder ends in a vector.
    """

    def __init__(self, levels, groups=1, **kwargs):
        levels = tuple(levels)
        if not levels or min(levels) < 2:
            raise ZooError(f"got levels={levels}, expected at least one number of levels, each at least 2.")
        super().__init__(len(levels), math.prod(levels), groups, **kwargs)
        self.levels = levels
        # Arrays of numpy, which a graph takes as constants; PyTorch's operators refuse them, `ops` do not.
        self._half = (np.array(levels, np.float32) - 1) / 2
        # Worth of one level of each number in the index: the first counts ones, as in the paper.
        self._places = np.cumprod([1, *levels[:-1]]).astype(np.int32)

    def bound(self, vectors):
        """(..., len(levels)) to -a..a, float32."""
        return ops.multiply(self._half, ops.tanh(vectors))

    def _levels_of(self, vectors):
        """Integers 0..L-1, as float32: a bounded number's distance from the lowest level, rounded."""
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
