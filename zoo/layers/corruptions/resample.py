"""Bicubic reduction and enlargement of images, the degradation and the starting point of super-resolution."""

import keras
from keras import ops

from zoo.layers.blocks.fold import unfold
from zoo.utils import bicubic


class Shrink(keras.layers.Layer):
    """Images (N, H, W, C) in 0..1 to (N, H / scale, W / scale, C), by antialiased bicubic interpolation.

    Images that already have the small size are returned unchanged.

    Args:
        scale: factor by which height and width are divided.
        small: (height, width, channels) of the result.
        edges: "mirror", as MATLAB's `imresize`, or "cut", see `zoo.utils.bicubic`.
    """

    def __init__(self, scale, small, edges="cut", **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.small = tuple(small)
        self.edges = edges

    def call(self, x):
        if tuple(x.shape[1:]) == self.small:
            return x
        # In float32, because half precision would lose the detail that a network has to predict.
        image = _resized(ops.cast(x, "float32"), self.small[:2], self.edges)
        return ops.cast(ops.clip(image, 0.0, 1.0), x.dtype)


def enlarge(x, scale, edges="cut"):
    """Images (N, H, W, C) to (N, H scale, W scale, C)."""
    return _resized(x, tuple(side * scale for side in x.shape[1:3]), edges)


def _resized(x, size, edges):
    """Images (N, H, W, C) resized to `size` (height, width), by one matrix product along each axis.

    `ops.image.resize` is not used, because few export formats support bicubic and antialiased resizing.
    """
    height, width, channels = x.shape[1:]
    if height is None or width is None:  # in a function traced for images of both sizes
        height, width = ops.shape(x)[1:3]
    rows, columns = (ops.cast(_matrix(*sides, edges), x.dtype) for sides in zip((height, width), size))
    x = ops.reshape(ops.matmul(rows, ops.reshape(x, (-1, height, width * channels))), (-1, size[0], width, channels))
    return ops.matmul(columns, x)


def _matrix(side, new, edges):
    """`bicubic.matrix`, also for a `side` that is a tensor, at least as long as the window is wide."""
    if isinstance(side, int):
        return bicubic.matrix(side, new, edges)
    length = ops.cast(side, "float32")
    centers = (ops.arange(new, dtype="float32") + 0.5) * (length / new) - 0.5
    # The image with its mirror images before and after it.
    places = ops.cast(ops.arange(3 * side) - side, "float32")
    weights = bicubic.kernel(ops.abs(places - centers[:, None]) / ops.maximum(1.0, length / new), ops.where)
    before, within, after = ops.split(weights, 3, axis=1)
    if edges == "mirror":
        within = within + ops.flip(before, axis=1) + ops.flip(after, axis=1)
    return within / ops.sum(within, axis=1, keepdims=True)


class Shuffle(keras.layers.Layer):
    """(N, H, W, s² C) to (N, s H, s W, C): maps at a position become a block of pixels (Shi et al. 2016, arXiv:1609.05158)."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x):
        height, width, maps = x.shape[1:]
        return unfold(x, (height * self.scale, width * self.scale, maps // self.scale**2))
