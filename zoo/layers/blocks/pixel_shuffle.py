"""Pixels to feature maps and back (Shi et al. 2016, arXiv:1609.05158) in PyTorch's order of channels."""

from keras import ops


def pixel_unshuffle(x, factor):
    """(N, f H, f W, C) to (N, H, W, C f²): map c f² + f i + j holds the pixels of map c in row i and column j of each block."""
    height, width, maps = x.shape[1:]
    size = (height // factor, width // factor)
    x = ops.reshape(x, (-1, size[0], factor, size[1], factor, maps))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 5, 2, 4)), (-1, *size, maps * factor**2))


def pixel_shuffle(x, factor):
    """The inverse of `pixel_unshuffle`."""
    height, width, maps = x.shape[1:]
    x = ops.reshape(x, (-1, height, width, maps // factor**2, factor, factor))
    return ops.reshape(ops.transpose(x, (0, 1, 4, 2, 5, 3)), (-1, height * factor, width * factor, maps // factor**2))
