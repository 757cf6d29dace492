"""Images and series as rows of patches, with the places that they come from."""

import numpy as np
from keras import ops


def grid_of(shape, patch_size):
    """Patches along every axis of inputs of `shape` (H, W, C) or (T, C)."""
    return tuple(side // patch_size for side in shape[:-1])


def patchify(x, patch_size):
    """(N, H, W, C) or (N, T, C) to (N, patches, numbers a patch), row by row."""
    grid, channels = grid_of(x.shape[1:], patch_size), x.shape[-1]
    if len(grid) == 1:
        return ops.reshape(x, (-1, grid[0], patch_size * channels))
    x = ops.reshape(x, (-1, grid[0], patch_size, grid[1], patch_size, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, grid[0] * grid[1], patch_size**2 * channels))


def unpatchify(patches, shape, patch_size):
    """What `patchify` did to inputs of `shape`, undone; the numbers a patch settle how many channels there are."""
    grid = grid_of(shape, patch_size)
    if len(grid) == 1:
        return ops.reshape(patches, (-1, shape[0], patches.shape[-1] // patch_size))
    channels = patches.shape[-1] // patch_size**2
    x = ops.reshape(patches, (-1, *grid, patch_size, patch_size, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, *shape[:2], channels))


def positions(grid, width):
    """Sines and cosines of every place of a grid, (places, width), float32 (Vaswani et al. 2017, arXiv:1706.03762).

    The width is shared evenly between the axes, as in He et al. 2022, arXiv:2111.06377.
    """
    share = width // len(grid)
    rates = 1 / 10000 ** (np.arange(share // 2) / (share / 2))
    parts = []
    for axis in np.meshgrid(*map(np.arange, grid), indexing="ij"):
        angles = axis.reshape(-1, 1) * rates
        parts += [np.sin(angles), np.cos(angles)]
    return np.concatenate(parts, axis=1).astype(np.float32)
