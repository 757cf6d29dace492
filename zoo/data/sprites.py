"""The data set `sprites`: white shapes on black, 64 x 64 pixels, defined by five known factors; for measuring disentanglement.

The factors are those of dSprites (Matthey, Higgins, Hassabis & Lerchner 2017): shape, scale, orientation, x and y, 737,280
images in the lexicographic order of the factors. The images are rendered by this module and are NOT those of dSprites:
scores on the two data sets cannot be compared. All images are different.

Splits: "test", every 73rd image, 10,100 in all; 73 has no common divisor with the sizes of the factors, so that every value of
every factor occurs. "train", 250,000 of the others in a fixed random order: 1 GB, so that training, which keeps two copies, fits
into 4 GB of memory.
"""

import functools
import itertools
import math

import numpy as np

from zoo.errors import ZooError, suggest

NAME = "sprites"
VERSION = "1.0.0"
SHAPE = (64, 64, 1)

_STEPS = 41
# Offsets from the center of a pixel, different in x and y; otherwise a square would look alike in several orientations.
_OFF_X, _OFF_Y = 0.37, 0.13
# Distance in pixels from the center of a shape, rounded down, to the edge of its crop, and to its furthest point at scale 1.
_REACH, _RADIUS = 16, 15.5

# Values of the factors: name of the shape, fraction of the full size, radians clockwise, position of the center in pixels from
# the center of the first pixel. A full turn has 41 steps, one more than there are orientations: 41 is prime, so that no two
# orientations of a symmetric shape are equal.
FACTORS = {
    "shape": ("square", "ellipse", "heart"),
    "scale": np.linspace(0.5, 1, 6),
    "orientation": 2 * math.pi / _STEPS * np.arange(40),
    "x": _REACH + np.arange(32) + _OFF_X,
    "y": _REACH + np.arange(32) + _OFF_Y,
}
SIZES = tuple(len(values) for values in FACTORS.values())
COUNT = math.prod(SIZES)

_TEST_EVERY = 73
_TRAIN = 250_000


def factors(indices):
    """The factors (N, 5), integers in the order of `FACTORS`, of the images with `indices` (N,) among all 737,280."""
    return np.stack(np.unravel_index(indices, SIZES), axis=1)


def render(factors):
    """Images (N, 64, 64, 1), uint8 0 or 255, of integer factors (N, 5) in the order of `FACTORS`.

    Raises:
        ZooError: if the factors have another shape or dtype, or are out of range.
    """
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.shape[1] != len(SIZES) or not np.issubdtype(factors.dtype, np.integer):
        raise ZooError(f"got factors of shape {factors.shape} and dtype {factors.dtype}, expected integers (N, {len(SIZES)}).")
    if np.any(factors < 0) or np.any(factors >= SIZES):
        raise ZooError(f"got factors out of range, expected values from 0 to below {SIZES}.")
    shape, scale, orientation, x, y = factors.T
    form = np.ravel_multi_index((shape, scale, orientation), SIZES[:3])
    # Moving the window up moves the shape down.
    return _windows()[form, SIZES[4] - 1 - y, SIZES[3] - 1 - x][..., None]


def split_indices(split):
    """The indices (N,) among all images of the "train" or "test" split, in order.

    Raises:
        ZooError: if there is no such split.
    """
    if split not in ("train", "test"):
        near = suggest(split, ("train", "test"))
        raise ZooError(f"the data set {NAME!r} has no split {split!r}, expected train or test.{near}")
    everything = np.arange(COUNT)
    if split == "test":
        return everything[::_TEST_EVERY]
    return np.random.default_rng(0).permutation(everything[everything % _TEST_EVERY != 0])[:_TRAIN]


@functools.cache
def _windows():
    """A view (720, 32, 32, 64, 64) of every shape at every scale and orientation, through a window at every position."""
    margin = SIZES[4] - 1
    forms = np.array([_shape_image(*values) for values in itertools.product(*list(FACTORS.values())[:3])])
    padded = np.pad(forms, ((0, 0), (margin, margin), (margin, margin)))
    return np.lib.stride_tricks.sliding_window_view(padded, SHAPE[:2], axis=(1, 2))


def _shape_image(shape, scale, angle):
    """One shape, uint8 (33, 33), centered on the middle pixel plus the offset; pixels whose center is inside are white."""
    place = np.arange(-_REACH, _REACH + 1)
    across, down = np.meshgrid(place - _OFF_X, place - _OFF_Y)
    size = scale * _RADIUS
    u = (math.cos(angle) * across + math.sin(angle) * down) / size
    v = (math.cos(angle) * down - math.sin(angle) * across) / size
    return np.where(_INSIDE[shape](u, v), 255, 0).astype(np.uint8)


def _in_square(u, v):
    return np.maximum(np.abs(u), np.abs(v)) <= math.sqrt(0.5)


def _in_ellipse(u, v):
    return u**2 + (2 * v) ** 2 <= 1


# Height above the origin of the center of mass of the curve (x² + y² - 1)³ = x² y³, about which the heart is rotated.
_HEART = 0.29348


def _in_heart(u, v):
    # The furthest point from the center is the tip, at y = -1; v points down, y up.
    x, y = (1 + _HEART) * u, _HEART - (1 + _HEART) * v
    return (x**2 + y**2 - 1) ** 3 <= x**2 * y**3


_INSIDE = {"square": _in_square, "ellipse": _in_ellipse, "heart": _in_heart}
