"""Planar flow: a shift along one direction, depending on the distance from a plane (Rezende & Mohamed 2015, arXiv:1505.05770).

z' = z + û tanh(wᵀz + b), log|det| = log(1 + (1 - tanh²) wᵀû), with û = u + (m(wᵀu) - wᵀu) w / ||w||² and
m(a) = log(1 + eᵃ) - 1 > -1, for which the map is invertible (appendix A.1)
"""

from keras import ops

from zoo.flows.flow import Flow
from zoo.flows.parameters import Parameters

# Number of bisection steps: enough for the resolution of float32, for an interval of a few units.
_HALVINGS = 40


class Planar(Flow):
    """A planar flow; with a context its u, w and b are linear in it."""

    def build(self, z_shape, context_shape=None):
        units = z_shape[-1]
        self.units = units
        # Normals w of about unit length, because short normals would make û long.
        self.numbers = Parameters(2 * units + 1, stddev=units**-0.5)
        self.numbers.build(context_shape)
        self.built = True

    def call(self, z, context=None):
        u, w, b, push = self._terms(context)
        height = ops.tanh(ops.sum(w * z, axis=-1, keepdims=True) + b)
        # 1 + (1 - h²)(push - 1) written without cancellation.
        stretch = ops.square(height) + (1 - ops.square(height)) * push
        return z + u * height, ops.log(stretch)[:, 0]

    def inverse(self, z, context=None):
        """By bisection along w, because wᵀz' increases with wᵀz; not differentiable."""
        u, w, b, push = self._terms(context)
        target = ops.sum(w * z, axis=-1, keepdims=True)
        low, high = target - ops.abs(push - 1), target + ops.abs(push - 1)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            above = middle + (push - 1) * ops.tanh(middle + b) > target
            low, high = ops.where(above, low, middle), ops.where(above, middle, high)
        before = z - u * ops.tanh((low + high) / 2 + b)
        return before, -self.call(before, context)[1]

    def _terms(self, context):
        """û, w (N or 1, D), b and m + 1 = 1 + wᵀû (N or 1, 1)."""
        u, w, b = ops.split(self.numbers(context), [self.units, 2 * self.units], axis=-1)
        along = ops.sum(w * u, axis=-1, keepdims=True)
        push = ops.softplus(along)
        length = ops.maximum(ops.sum(ops.square(w), axis=-1, keepdims=True), 1e-12)
        return u + (push - 1 - along) * w / length, w, b, push
