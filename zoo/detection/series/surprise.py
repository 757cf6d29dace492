"""How surprising a series of errors is, relative to the errors before: the tail of their recent mean."""

from collections import deque

import numpy as np

# The smallest deviation of errors, on the scale of the networks' inputs: a perfect prediction is not infinitely certain.
_LEAST = 1e-3


class Surprise:
    """Errors to scores, -log10 of the probability of a recent mean error as high, if errors were normally distributed.

    The recent mean is that of the last `short` errors; mean and deviation are those of the errors given to `learn` (as Lavin &
    Ahmad 2015, arXiv:1510.03336, section II). Memory is constant.

    Args:
        short: number of errors of the recent mean.
        half_life: number of learned errors after which the weight of an error is halved; None for equal weights.
    """

    def __init__(self, short=8, half_life=None):
        self.short = short
        self.decay = 1.0 if half_life is None else 0.5 ** (1 / half_life)
        # Weighted count, sum and sum of squares of the learned errors.
        self.sums = np.zeros(3)
        self._recent = deque(maxlen=short)

    def learn(self, errors):
        """Add errors (T,) to those that the scores are relative to; NaN is left out."""
        known = np.asarray(errors, np.float64)
        known = known[np.isfinite(known)]
        weights = self.decay ** np.arange(len(known))[::-1]
        self.sums = self.sums * self.decay ** len(known) + _moments(known) @ weights
        return self

    def fresh(self):
        """One that has learned the same, at the start of a new series."""
        other = Surprise(self.short)
        other.decay, other.sums = self.decay, self.sums.copy()
        return other

    def score(self, errors, learning=False):
        """Scores (T,) of the next errors (T,); higher is more surprising, NaN where the error is NaN.

        Args:
            learning: whether each error is added to those that later scores are relative to.
        """
        from scipy.signal import lfilter
        from scipy.special import log_ndtr

        errors = np.asarray(errors, np.float64)
        known = np.isfinite(errors)
        values, scores = errors[known], np.full(len(errors), np.nan)
        if not len(values):
            return scores
        sums = np.repeat(self.sums[:, None], len(values), axis=1)
        if learning:
            # The sums before each error.
            inputs = np.concatenate([self.sums[:, None], _moments(values)[:, :-1]], axis=1)
            sums = lfilter([1.0], [1.0, -self.decay], inputs, axis=1)
            self.learn(values)
        count, total, squares = sums
        mean = total / np.maximum(count, 1e-12)
        deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1e-12) - mean**2, _LEAST**2))
        scores[known] = -log_ndtr((mean - self._recent_means(values)) / deviation) / np.log(10)
        return scores

    def _recent_means(self, values):
        """The mean of each of `values` (T,) and the errors before it, `short` in all."""
        before = np.array(self._recent, np.float64)
        sums = np.concatenate([[0.0], np.cumsum(np.concatenate([before, values]))])
        ends = np.arange(len(before) + 1, len(sums))
        starts = np.maximum(0, ends - self.short)
        self._recent.extend(values[-self.short :])
        return (sums[ends] - sums[starts]) / (ends - starts)


def _moments(values):
    return np.stack([np.ones_like(values), values, values**2])
