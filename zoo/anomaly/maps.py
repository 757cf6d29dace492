"""Anomaly maps as arrays: smoothing, enlargement to the size of the image, and the score of an image from its map."""

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image import is_image_shape
from zoo.utils.numbers import check_at_least

# Radius at which the Gaussian is cut off, in standard deviations.
_RADIUS = 4
# The default standard deviation, as a fraction of the shorter side of the image.
_SMOOTHING = 1 / 32
# The fraction of the pixels that determines the score of an image.
_HIGHEST = 0.01


def check_maps(shape, what):
    """Raise ZooError unless inputs of `shape`, without the batch axis, are images; `what` names the model."""
    if not is_image_shape(shape):
        raise ZooError(f"anomaly maps require images (height, width, channels); the inputs of {what} have shape {tuple(shape)}.")


def smoothed(maps, sigma=None):
    """Maps (N, H, W), float32, convolved with a Gaussian of standard deviation `sigma` in pixels; 0 does not smooth.

    By default, sigma is 1/32 of the shorter side: 1 pixel for images of 32 x 32. Maps are mirrored at their edges, so that
    smoothing does not change the mean of a map.
    """
    sigma = _SMOOTHING * min(maps.shape[1:]) if sigma is None else sigma
    check_at_least(0, sigma=sigma)
    if sigma == 0:
        return maps.astype(np.float32, copy=False)
    rows, columns = (_gaussian(side, sigma) for side in maps.shape[1:])
    return rows @ maps @ columns.T


def _gaussian(side, sigma):
    """The matrix (side, side), float32, of smoothing along an axis."""
    radius = int(np.ceil(_RADIUS * sigma))
    taps = np.exp(-((np.arange(-radius, radius + 1) / sigma) ** 2) / 2)
    places = np.pad(np.arange(side), radius, mode="symmetric")
    matrix = np.zeros((side, side))
    for i, tap in enumerate(taps / taps.sum()):
        np.add.at(matrix, (np.arange(side), places[i : i + side]), tap)
    return matrix.astype(np.float32)


def enlarged(maps, size):
    """Maps (N, h, w) interpolated bilinearly to `size`, (height, width)."""
    rows, columns = (_bilinear(*sides) for sides in zip(maps.shape[1:], size))
    return rows @ maps @ columns.T


def _bilinear(side, new):
    """The matrix (new, side), float32, of linear interpolation along an axis; beyond the outer centers, values are constant."""
    centers = np.clip((np.arange(new) + 0.5) * (side / new) - 0.5, 0, side - 1)
    return np.maximum(0, 1 - np.abs(np.arange(side) - centers[:, None])).astype(np.float32)


def robust_maximum(maps):
    """Scores (N,) of maps (N, H, W): the mean of the highest hundredth of the pixels, which a single pixel cannot determine."""
    rows = maps.reshape(len(maps), -1)
    count = max(1, round(_HIGHEST * rows.shape[1]))
    return np.partition(rows, -count, axis=1)[:, -count:].mean(axis=1, dtype=np.float64)
