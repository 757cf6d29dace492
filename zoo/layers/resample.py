"""Images made smaller and larger by bicubic interpolation: a damage, and the place to start mending it from."""

import keras
from keras import ops

from zoo.layers.fold import unfold


class Shrink(keras.layers.Layer):
    """Images (N, H, W, C) in 0..1 to (N, H / scale, W / scale, C), antialiased, as photographs are made smaller.

    Images that have the small size already stay as they are.

    Args:
        scale: by which height and width are divided.
        small: (height, width, channels).
    """

    def __init__(self, scale, small, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.small = tuple(small)

    def call(self, x):
        if tuple(x.shape[1:]) == self.small:
            return x
        # In float32: half precision would blur what a network is to find.
        image = ops.image.resize(ops.cast(x, "float32"), self.small[:2], interpolation="bicubic", antialias=True)
        return ops.cast(ops.clip(image, 0.0, 1.0), x.dtype)


def enlarge(x, scale):
    """Images (N, H, W, C) to (N, H scale, W scale, C)."""
    return ops.image.resize(x, tuple(side * scale for side in x.shape[1:3]), interpolation="bicubic")


class Shuffle(keras.layers.Layer):
    """(N, H, W, s² C) to (N, s H, s W, C): the maps of a place become its pixels (Shi et al. 2016, arXiv:1609.05158)."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x):
        height, width, maps = x.shape[1:]
        return unfold(x, (height * self.scale, width * self.scale, maps // self.scale**2))
