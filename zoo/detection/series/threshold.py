"""Thresholds of scores with a stated rate of false alarms, from scores of normal steps."""

import math
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError

# The tail is fitted to the excesses over this quantile of the scores, and to at least so many of them.
_TAIL = 0.95
_LEAST = 20


@dataclass(frozen=True)
class Threshold:
    """A threshold of scores, above which a step is an alarm, and what is known of its rate of false alarms.

    Args:
        value: the threshold.
        rate: the rate of false alarms asked for, alarms per normal step.
        steps: n, the number of normal scores that it was calibrated on.
        method: "rank": `value` is one of the normal scores, and if normal steps are exchangeable, a new one exceeds it with
            probability at most `rate`, for any distribution and any n (conformal prediction: Vovk et al. 2005). "tail": n is too
            small for that; `value` extrapolates a generalized Pareto distribution of the highest scores (Siffer et al. 2017,
            KDD), and the rate is an estimate without a guarantee.
        bound: with a confidence of 95 percent over the normal scores, the rate of false alarms is at most this; for "tail", that
            of the highest normal score.
    """

    value: float
    rate: float
    steps: int
    method: str
    bound: float

    def __str__(self):
        kind = "guaranteed on average" if self.method == "rank" else "extrapolated"
        return (
            f"threshold {self.value:.4g}: {self.rate:g} false alarms per normal step ({kind}), from {self.steps} normal steps; "
            f"at most {self.bound:.2g} with 95 % confidence if they are independent"
        )


def calibrate(scores, rate=1e-3):
    """The `Threshold` for `rate` false alarms per step, from the scores (n,) of normal steps; NaN is left out.

    Consecutive scores of a series depend on each other: the guarantee is for the average over new normal stretches like the
    calibrated one, and alarms come in runs.

    Raises:
        ZooError: if `rate` is not between 0 and 1, or there are fewer than two scores.
    """
    if not 0 < rate < 1:
        raise ZooError(f"got a rate of false alarms of {rate!r}, expected a fraction between 0 and 1.")
    scores = np.sort(np.asarray(scores, np.float64)[np.isfinite(scores)])
    n = len(scores)
    if n < 2:
        raise ZooError(f"got {n} normal scores, expected at least two to calibrate a threshold on.")
    rank = math.ceil((n + 1) * (1 - rate))
    if rank <= n:
        return Threshold(float(scores[rank - 1]), rate, n, "rank", _bound(n + 1 - rank, rank))
    return Threshold(max(_extrapolated(scores, rate), float(scores[-1])), rate, n, "tail", _bound(1, n))


def _bound(above, below):
    """95 percent quantile of the probability of a score above the order statistic with `below` scores up to it, n + 1 in all."""
    from scipy.stats import beta

    return float(beta.ppf(0.95, above, below))


def _extrapolated(scores, rate):
    """The quantile 1 - `rate` of sorted scores (n,), by a generalized Pareto distribution of the highest ones.

    Its two parameters are those of probability-weighted moments (Hosking & Wallis 1987).
    """
    n = len(scores)
    count = min(n - 1, max(_LEAST, round((1 - _TAIL) * n)))
    start = scores[n - count - 1]
    excess = scores[n - count :] - start
    first = excess.mean()
    second = float((excess * (1 - (np.arange(count) + 0.65) / count)).mean())
    if first <= 0 or first - 2 * second <= 0:
        return float(scores[-1])
    shape = 2 - first / (first - 2 * second)
    scale = 2 * first * second / (first - 2 * second)
    ratio = n * rate / count
    if abs(shape) < 1e-6:
        return float(start - scale * math.log(ratio))
    return float(start + scale / shape * (ratio**-shape - 1))
