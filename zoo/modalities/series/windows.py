"""Windows of a series, and numbers of overlapping windows as numbers of time steps."""

import numpy as np


def windows(x, length, stride=1):
    """Windows (N, length, C) of a series (T, C), each `stride` steps after the one before; a view wherever possible.

    The last window ends with the series, so that every step is in one. A series shorter than a window is preceded by missing
    steps.
    """
    x = np.asarray(x)
    if len(x) < length:
        return np.concatenate([_missing(length - len(x), x), x])[None]
    every = np.moveaxis(np.lib.stride_tricks.sliding_window_view(x, length, axis=0), -1, 1)
    starts = window_starts(len(x), length, stride)
    return every if stride == 1 else every[starts]


def window_starts(steps, length, stride):
    """The first step of each window of `windows`, for a series of `steps` steps, at least `length`."""
    starts = np.arange(0, steps - length + 1, stride)
    return starts if starts[-1] == steps - length else np.append(starts, steps - length)


def trailing(x, length):
    """Windows (T, length, C), one for each step of a series (T, C), that end with the step; missing steps precede the first."""
    return windows(np.concatenate([_missing(length - 1, x), x]), length)


def _missing(steps, x):
    return np.full((steps, x.shape[1]), np.nan, x.dtype)


def merged(values, steps, stride):
    """Means (steps, ...) over the windows that contain each step, from numbers of windows (N, length, ...), see `windows`."""
    values = np.asarray(values, np.float64)
    length = values.shape[1]
    if steps < length:
        return values[0, length - steps :]
    total, count = np.zeros((steps, *values.shape[2:])), np.zeros(steps)
    for start, one in zip(window_starts(steps, length, stride), values):
        total[start : start + length] += one
        count[start : start + length] += 1
    return total / count.reshape(-1, *[1] * (total.ndim - 1))
