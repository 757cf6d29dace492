"""Bicubic resizing with antialiasing, as MATLAB's `imresize` computes it, with which benchmarks of super-resolution are made.

Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2. For reduction, the window is wider by
the factor of the reduction. Other libraries treat the edges or the window differently.
"""

import math

import numpy as np

from zoo.errors import ZooError, suggest

# Values of a window beyond the edge of the image: those of the mirrored image, as in MATLAB; or none, and the others are
# normalized.
EDGES = ("mirror", "cut")


def check_edges(edges):
    """Raises ZooError unless `edges` is one of `EDGES`."""
    if edges not in EDGES:
        raise ZooError(f"got edges={edges!r}, expected one of {', '.join(EDGES)}.{suggest(str(edges), EDGES)}")


def taps(side, new, edges="mirror"):
    """The places (new, k), integers, and their weights (new, k), float64, of resizing an axis from `side` to `new` values."""
    factor = side / new
    wide = max(1.0, factor)
    centers = (np.arange(new) + 0.5) * factor - 0.5
    places = np.floor(centers - 2 * wide).astype(int)[:, None] + np.arange(math.ceil(4 * wide) + 2)
    weights = kernel(np.abs(places - centers[:, None]) / wide)
    if edges == "cut":
        inside = (places >= 0) & (places < side)
        places, weights = np.where(inside, places, 0), np.where(inside, weights, 0.0)
    else:
        # An image narrower than the window is mirrored more than once.
        places = places % (2 * side)
        places = np.where(places < side, places, 2 * side - 1 - places)
    return places, weights / weights.sum(axis=1, keepdims=True)


def matrix(side, new, edges="mirror"):
    """Resizing of an axis as a matrix (new, side), float32."""
    places, weights = taps(side, new, edges)
    found = np.zeros((new, side))
    np.add.at(found, (np.arange(new)[:, None], places), weights)
    return found.astype(np.float32)


def kernel(away, where=np.where):
    """Keys's weights of values at distances `away` >= 0 from the center, in units of the width; also for tensors."""
    near = (1.5 * away - 2.5) * away**2 + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    return where(away < 1, near, where(away < 2, far, 0 * away))


def resized(image, size):
    """An image (H, W, ...) of floats resized to `size` (height, width), float64, like MATLAB's `imresize(image, size)`.

    The result is neither clipped nor rounded. Memory: a few times that of the image and of the result.
    """
    image = np.asarray(image, np.float64)
    for axis, new in enumerate(size):
        places, weights = taps(image.shape[axis], new)
        found = 0.0
        for place, weight in zip(places.T, weights.T):
            shape = [1] * image.ndim
            shape[axis] = new
            found = found + np.take(image, place, axis=axis) * weight.reshape(shape)
        image = found
    return image
