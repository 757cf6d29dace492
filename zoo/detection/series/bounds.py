"""Whether values lie outside of all values seen before."""

import numpy as np


class Bounds:
    """The least and greatest value of each channel so far; a value beyond them by more than a margin is out of bounds.

    Args:
        channels: number of channels.
        margin: fraction of the distance between the two.
    """

    def __init__(self, channels, margin):
        self.margin = margin
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)

    def learn(self, values):
        """Add values (T, channels); NaN is left out."""
        self.low = np.fmin(self.low, np.fmin.reduce(values, axis=0, initial=np.inf))
        self.high = np.fmax(self.high, np.fmax.reduce(values, axis=0, initial=-np.inf))
        return self

    def outside(self, values, learning=False):
        """Whether a channel of each of the next values (T, channels) is out of bounds, (T,).

        Args:
            learning: whether each value widens the bounds of later ones.
        """
        values = np.asarray(values, np.float64)
        low, high = np.tile(self.low, (len(values), 1)), np.tile(self.high, (len(values), 1))
        if learning:
            low[1:] = np.fmin(self.low, np.fmin.accumulate(values[:-1], axis=0))
            high[1:] = np.fmax(self.high, np.fmax.accumulate(values[:-1], axis=0))
            self.learn(values)
        with np.errstate(invalid="ignore"):
            width = high - low
            beyond = (values > high + self.margin * width) | (values < low - self.margin * width)
        # One value, or none, has no width.
        return (beyond & (width > 0) & np.isfinite(width)).any(axis=1)
