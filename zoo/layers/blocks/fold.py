"""Folding of images to the size of feature maps, and back: each position contains the pixels that it covers."""

import math

from keras import ops


def fold(x, size):
    """Images (N, H, W, C) to (N, *size, s² C), with s x s pixels at each position, zero-padded at the edges."""
    height, width, channels = x.shape[1:]
    s = side((height, width), size)
    if s == 1:
        return x
    x = ops.pad(x, ((0, 0), (0, size[0] * s - height), (0, size[1] * s - width), (0, 0)))
    x = ops.transpose(ops.reshape(x, (-1, size[0], s, size[1], s, channels)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, *size, s * s * channels))


def unfold(z, image_shape):
    """The inverse of `fold` for images of `image_shape` (H, W, C)."""
    size, (height, width, channels) = z.shape[1:3], image_shape
    s = side((height, width), size)
    if s == 1:
        return z
    z = ops.transpose(ops.reshape(z, (-1, *size, s, s, channels)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(z, (-1, size[0] * s, size[1] * s, channels))[:, :height, :width]


def side(image_size, size):
    """s, for images (height, width) folded to `size`."""
    return max(math.ceil(outer / inner) for outer, inner in zip(image_size, size))
