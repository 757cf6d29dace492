"""Radial flow: expansion or contraction around one point (Rezende & Mohamed 2015, arXiv:1505.05770; Tabak & Turner 2013).

z' = z + β (z - z₀) / (α + r), r = ||z - z₀||,
log|det| = (D - 1) log(1 + β/(α + r)) + log(1 + βα/(α + r)²), with α > 0 and β = m - α, m > 0, for which the map is
invertible (appendix A.2)
"""

from keras import ops

from zoo.flows.flow import Flow
from zoo.flows.parameters import Parameters

# Added inside the square root, whose gradient at zero is infinite.
_TINY = 1e-12


class Radial(Flow):
    """A radial flow; with a context its z₀, α and β are linear in it, the latter two through a softplus."""

    def build(self, z_shape, context_shape=None):
        self.units = z_shape[-1]
        self.numbers = Parameters(self.units + 2, stddev=0.1)
        self.numbers.build(context_shape)
        self.built = True

    def call(self, z, context=None):
        center, alpha, m = self._terms(context)
        away = z - center
        r = _length(away)
        # 1 + β/(α + r) = (r + m)/(α + r), and 1 + βα/(α + r)² = (r² + 2αr + mα)/(α + r)²: sums of positive numbers.
        swell = ops.log(r + m) - ops.log(alpha + r)
        outward = ops.log(r * (r + 2 * alpha) + m * alpha) - 2 * ops.log(alpha + r)
        return center + away * (r + m) / (alpha + r), ((self.units - 1) * swell + outward)[:, 0]

    def inverse(self, z, context=None):
        center, alpha, m = self._terms(context)
        away = z - center
        distance = _length(away)
        # The positive root of r² + (m - ρ) r - ρα = 0, ρ the distance, by the one of two formulas that has no cancellation.
        b = distance - m
        half = (ops.abs(b) + ops.sqrt(ops.square(b) + 4 * distance * alpha)) / 2
        r = ops.where(b >= 0, half, distance * alpha / half)
        before = center + away * (alpha + r) / (r + m)
        return before, -self.call(before, context)[1]

    def _terms(self, context):
        """z₀ (N or 1, D), α and m (N or 1, 1)."""
        center, alpha, m = ops.split(self.numbers(context), [self.units, self.units + 1], axis=-1)
        return center, ops.softplus(alpha), ops.softplus(m)


def _length(v):
    return ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True) + _TINY)
