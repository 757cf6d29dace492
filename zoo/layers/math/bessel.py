"""Modified Bessel functions of the first kind I_v(x), of any order v >= 0 and argument x >= 0, for all backends.

Orders of at least 10 use Debye's expansion, which is uniform in x (Abramowitz & Stegun 1964, 9.7.7). Lower orders use the
downward recurrence I_{v-1} = I_{v+1} + 2v/x I_v, which is stable in this direction. No loop depends on the data.
"""

import math

from keras import ops

# From this order on, the error of the three terms below is less than 1e-5.
_LEAST_ORDER = 10
# u_k(t) = t^k Σ_j c_kj t^2j, k = 1, 2, 3 (Abramowitz & Stegun, 9.3.9).
_DEBYE = (
    (3 / 24, -5 / 24),
    (81 / 1152, -462 / 1152, 385 / 1152),
    (30375 / 414720, -369603 / 414720, 765765 / 414720, -425425 / 414720),
)


def scaled_log_and_ratio(order, x):
    """g_v(x) - x and I_{v+1}(x) / I_v(x), each like `x`, float32, where g_v(x) = log [Γ(v+1) (2/x)^v I_v(x)].

    The factor Γ(v+1) (2/x)^v removes the divergence of log I_v at small x (g_v(0) = 0), and subtracting x removes its growth at
    large x. The ratio is the derivative of g_v.

    Args:
        order: v, a number.
        x: tensor of numbers >= 0.
    """
    x = ops.cast(x, "float32")
    steps = max(0, math.ceil(_LEAST_ORDER - order))
    w = order + steps
    s = ops.sqrt(w**2 + ops.square(x))
    inverse = 1 / s
    series, slope = _debye(inverse, ops.square(w * inverse))
    at_zero, _ = _debye(1 / w, 1.0)
    # Differences of s, w and x are written without cancellation: s - w = x² / (s + w).
    excess = ops.square(x) / (s + w)
    log = -w * x * (s + w + x) / ((s + w) * (s + x)) - w * ops.log1p(excess / (2 * w)) - 0.5 * ops.log1p(excess / w)
    log = log + ops.log1p(series) - math.log1p(at_zero)
    # The ratio relative to its limit at small x, x / 2(v+1).
    relative = 2 * (w + 1) * (1 / (w + s) - ops.square(inverse) * (0.5 + slope / (1 + series)))
    for v in range(1, steps + 1):
        growth = ops.square(x) * relative / (4 * (w - v + 1) * (w - v + 2))
        log = log + ops.log1p(growth)
        relative = 1 / (1 + growth)
    return log, x * relative / (2 * (order + 1))


def _debye(inverse, p):
    """Σ_k u_k and its -s ∂/∂s, as functions of 1/s and p = w²/s²."""
    terms = [(c, k + 1, j) for k, row in enumerate(_DEBYE) for j, c in enumerate(row)]
    return (
        sum(c * inverse**k * p**j for c, k, j in terms),
        sum(c * (k + 2 * j) * inverse**k * p**j for c, k, j in terms),
    )
