"""Missing regions of images ("holes"), boxes and free-form strokes, which inpainting fills."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError, suggest
from zoo.layers.corruptions.corruption import Corruption
from zoo.utils.numbers import is_number

# Value of the pixels of a hole: black, as is most common in image files.
HOLE = 0.0
# Range of the stroke width, as a fraction of the image's shorter side.
_STROKES = (0.06, 0.2)


def holes_of(x):
    """The mask of holes of images (N, H, W, C) in 0..1, (N, H, W, 1), bool: pixels that are exactly black in all channels."""
    return ops.all(ops.equal(x, HOLE), axis=-1, keepdims=True)


class Holes(Corruption):
    """Base: sets the pixels of `mask` to black, in training only. `level` is the range (least, most) of each image's level."""

    def corrupt(self, x):
        return x * (1 - ops.cast(self.mask(ops.shape(x)[0], x.shape[1:3]), x.dtype))

    def mask(self, count, size):
        """Holes for `count` images of `size` (H, W): (N, H, W, 1), float32, 1 inside."""
        raise NotImplementedError

    def _uniform(self, shape, least=0.0, most=1.0):
        return keras.random.uniform(shape, least, most, dtype="float32", seed=self.seed_generator)


class Box(Holes):
    """One box per image at a random position; `level` is the side of the box as a fraction of the image's side."""

    def mask(self, count, size):
        inside = 1.0
        for axis, length in enumerate(size):
            side = ops.round(self._uniform((count, 1), *self.level) * length)
            start = ops.floor(self._uniform((count, 1)) * (length - side + 1))
            place = ops.arange(length, dtype="float32")
            within = ops.cast(ops.logical_and(place >= start, place < start + side), "float32")
            inside = inside * ops.expand_dims(within, (2, 3) if axis == 0 else (1, 3))
        return inside


class FreeForm(Holes):
    """Brush strokes, each a random walk of straight segments (after Yu et al. 2019, arXiv:1806.03589).

    `level` is the width of the brush as a fraction of the image's shorter side.
    """

    _PIECES = 6
    # Maximum length of a segment, as a fraction of the shorter side.
    _REACH = 0.4

    def mask(self, count, size):
        unit, edges = float(min(size)), ops.convert_to_tensor(np.array(size, np.float32))
        start = self._uniform((count, 1, 2)) * edges
        turns = self._uniform((count, self._PIECES, 1), 0.0, 2 * np.pi)
        lengths = self._uniform((count, self._PIECES, 1), 0.0, self._REACH * unit)
        ways = ops.concatenate([ops.sin(turns), ops.cos(turns)], axis=-1) * lengths
        joints = ops.concatenate([start, start + ops.cumsum(ways, axis=1)], axis=1)
        # The walk is reflected at the edges of the image.
        joints = edges - ops.abs(joints % (2 * edges) - edges)
        radius = 0.5 * unit * self._uniform((count, 1, 1), *self.level)
        rows, columns = (ops.arange(length, dtype="float32") + 0.5 for length in size)
        nearest = None
        for i in range(self._PIECES):
            distance = _distance(rows, columns, joints[:, i], joints[:, i + 1])
            nearest = distance if nearest is None else ops.minimum(nearest, distance)
        return ops.cast(nearest <= ops.square(radius), "float32")[..., None]


def _distance(rows, columns, a, b):
    """Squared distances (N, H, W) of the points (rows, columns) from the segments a to b, both (N, 2)."""
    y, x = rows[None, :, None] - a[:, 0, None, None], columns[None, None, :] - a[:, 1, None, None]
    dy, dx = (b - a)[:, 0, None, None], (b - a)[:, 1, None, None]
    along = ops.clip((y * dy + x * dx) / ops.maximum(dy * dy + dx * dx, 1e-6), 0.0, 1.0)
    return ops.square(y - along * dy) + ops.square(x - along * dx)


class BoxOrFreeForm(Holes):
    """Half of the images get a box, the other half strokes; `level` applies to the boxes, strokes have the default level."""

    def __init__(self, level, **kwargs):
        super().__init__(level, **kwargs)
        self.box, self.free_form = Box(level), FreeForm(_STROKES)
        # A shared generator, so that resetting this layer's seed resets theirs.
        self.box.seed_generator = self.free_form.seed_generator = self.seed_generator

    def build(self, input_shape):
        # Neither has weights.
        self.built = True

    def mask(self, count, size):
        which = ops.cast(self._uniform((count, 1, 1, 1)) < 0.5, "float32")
        return which * self.box.mask(count, size) + (1 - which) * self.free_form.mask(count, size)


_KINDS = {"box": (Box, (0.25, 0.5)), "free_form": (FreeForm, _STROKES), "both": (BoxOrFreeForm, (0.25, 0.5))}


def holes(kind, level=None):
    """The layer for holes of a `kind`, "box", "free_form" or "both"; `level` is a fraction, (least, most), or None (default)."""
    if kind not in _KINDS:
        raise ZooError(f"got holes {kind!r}, expected one of {', '.join(_KINDS)}.{suggest(kind, _KINDS)}")
    layer, usual = _KINDS[kind]
    level = usual if level is None else level
    span = tuple(level) if isinstance(level, (tuple, list)) else (level, level)
    if len(span) != 2 or not all(map(is_number, span)) or not 0 < span[0] <= span[1] <= 1:
        raise ZooError(f"got a hole size of {level}, expected a fraction of the image's side in (0, 1], or (least, most).")
    return layer(span)


def complementary_holes(size, sets=3, side=1 / 8):
    """Fixed masks of holes for images of `size` (H, W): `sets` arrays (H, W), bool; each pixel is in exactly one of them.

    The holes are squares of a grid, whose side is the fraction `side` of the shorter side of the image, assigned at random.
    """
    cell = max(1, round(side * min(size)))
    rows, columns = (-(-length // cell) for length in size)
    order = np.random.default_rng(0).permutation(rows * columns).reshape(rows, columns)
    which = (order % sets).repeat(cell, axis=0).repeat(cell, axis=1)[: size[0], : size[1]]
    return [which == i for i in range(sets)]
