"""The Poincaré ball {z: c |z|² < 1} of curvature -c: sums, geodesics and distances (Ganea et al. 2018, arXiv:1805.09112).

The coordinates of points and tangent vectors are along the last axis.
"""

import math

from keras import ops

# Closer to the boundary, float32 cannot distinguish points.
MAX_RADIUS = 1 - 1e-5


def add(x, y, c):
    """Möbius addition x ⊕ y."""
    xy, xx, yy = _dot(x, y), _dot(x, x), _dot(y, y)
    return ((1 + 2 * c * xy + c * yy) * x + (1 - c * xx) * y) / (1 + 2 * c * xy + c**2 * xx * yy)


def exp_map(x, v, c):
    """The point at time 1 of the geodesic that starts at x with velocity v."""
    root, length = math.sqrt(c), norm(v)
    return add(x, ops.tanh(root * conformal_factor(x, c) * length / 2) * v / (root * length), c)


def log_map(x, y, c):
    """The initial velocity of the geodesic that is at x at time 0 and at y at time 1: the inverse of `exp_map`."""
    root, difference = math.sqrt(c), add(-x, y, c)
    length = norm(difference)
    return 2 / (root * conformal_factor(x, c)) * ops.arctanh(ops.minimum(root * length, 1 - 1e-7)) * difference / length


def distance(x, y, c):
    """Length (..., 1) of the geodesic from x to y."""
    root = math.sqrt(c)
    return 2 / root * ops.arctanh(ops.minimum(root * norm(add(-x, y, c)), 1 - 1e-7))


def conformal_factor(x, c):
    """λ_x = 2 / (1 - c |x|²) (..., 1): the length of a Euclidean unit vector at x."""
    return 2 / (1 - c * _dot(x, x))


def inside(x, c):
    """Points projected into the part of the ball that float32 can distinguish from the boundary."""
    return x * ops.minimum(1.0, MAX_RADIUS / math.sqrt(c) / norm(x))


def norm(x):
    """Euclidean lengths (..., 1), with a finite gradient at zero."""
    return ops.sqrt(_dot(x, x) + 1e-15)


def _dot(x, y):
    return ops.sum(x * y, axis=-1, keepdims=True)
