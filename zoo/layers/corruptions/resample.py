"""Bicubic reduction and enlargement of images, the degradation and the starting point of super-resolution."""

import keras
import numpy as np
from keras import ops

from zoo.layers.blocks.fold import unfold


class Shrink(keras.layers.Layer):
    """Images (N, H, W, C) in 0..1 to (N, H / scale, W / scale, C), by antialiased bicubic interpolation.

    Images that already have the small size are returned unchanged.

    Args:
        scale: factor by which height and width are divided.
        small: (height, width, channels) of the result.
    """

    def __init__(self, scale, small, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.small = tuple(small)

    def call(self, x):
        if tuple(x.shape[1:]) == self.small:
            return x
        # In float32, because half precision would lose the detail that a network has to predict.
        image = _resized(ops.cast(x, "float32"), self.small[:2])
        return ops.cast(ops.clip(image, 0.0, 1.0), x.dtype)


def enlarge(x, scale):
    """Images (N, H, W, C) to (N, H scale, W scale, C)."""
    return _resized(x, tuple(side * scale for side in x.shape[1:3]))


def _resized(x, size):
    """Images (N, H, W, C) resized to `size` (height, width), by one matrix product along each axis.

    `ops.image.resize` is not used, because few export formats support bicubic and antialiased resizing.
    """
    height, width, channels = x.shape[1:]
    if height is None or width is None:  # in a function traced for images of both sizes
        return ops.image.resize(x, size, interpolation="bicubic", antialias=True, data_format="channels_last")
    rows, columns = (ops.cast(_bicubic(*sides), x.dtype) for sides in zip((height, width), size))
    x = ops.reshape(ops.matmul(rows, ops.reshape(x, (-1, height, width * channels))), (-1, size[0], width, channels))
    return ops.matmul(columns, x)


def _bicubic(side, new):
    """The matrix (new, side), float32, of bicubic resizing; for reduction, with a wider window against aliasing.

    Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2.
    """
    centers = (np.arange(new) + 0.5) * (side / new) - 0.5
    away = np.abs(np.arange(side) - centers[:, None]) / max(1.0, side / new)
    near = (1.5 * away - 2.5) * away**2 + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class Shuffle(keras.layers.Layer):
    """(N, H, W, s² C) to (N, s H, s W, C): maps at a position become a block of pixels (Shi et al. 2016, arXiv:1609.05158)."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x):
        height, width, maps = x.shape[1:]
        return unfold(x, (height * self.scale, width * self.scale, maps // self.scale**2))
