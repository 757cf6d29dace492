"""Scores of different kinds on one scale: how rare a score is among normal rows, in nats."""

import numpy as np
from keras import ops

# Fractions of the normal scores at the knots of the curve, denser where scores are rare.
_FRACTIONS = 1 - np.geomspace(1, 0.01, 25)
KNOTS = len(_FRACTIONS)


def knots(scores):
    """Quantiles (KNOTS,) of normal scores (N,), from the smallest to one that a hundredth exceeds; strictly increasing."""
    found = np.quantile(np.asarray(scores, np.float64), _FRACTIONS)
    step = 1e-6 * max(abs(found[-1] - found[0]), abs(found[-1]), 1e-6)
    return (found + step * np.arange(KNOTS)).astype(np.float32)


def rarity(scores, quantiles):
    """-log of the fraction of normal rows with a higher score, (N,); a tensor.

    Linear between the quantiles. Beyond the last, where no normal rows tell, it grows with the logarithm of the distance, as if
    the tail were that of a Pareto distribution.
    """
    heights = -np.log(1 - _FRACTIONS).astype("float32")
    low, high = quantiles[:-1], quantiles[1:]
    parts = ops.clip((ops.expand_dims(scores, 1) - low) / (high - low), 0.0, 1.0)
    inside = ops.matmul(parts, np.diff(heights)[:, None])[:, 0]
    # The scale of the tail: the distance in which the upper half of the curve rises by one nat.
    middle = KNOTS // 2
    scale = (quantiles[-1] - quantiles[middle]) / float(heights[-1] - heights[middle])
    above = ops.log(1 + ops.maximum(scores - quantiles[-1], 0.0) / scale)
    below = ops.log(1 + ops.maximum(quantiles[0] - scores, 0.0) / scale)
    return inside + above - below
