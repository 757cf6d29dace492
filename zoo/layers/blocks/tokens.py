"""Images and series as sequences of patches, and their position embeddings."""

import numpy as np
from keras import ops


def grid_of(shape, patch_size):
    """Number of patches along each axis of inputs of `shape` (H, W, C) or (T, C)."""
    return tuple(side // patch_size for side in shape[:-1])


def patchify(x, patch_size):
    """(N, H, W, C) or (N, T, C) to (N, patches, values per patch), in row-major order."""
    grid, channels = grid_of(x.shape[1:], patch_size), x.shape[-1]
    if len(grid) == 1:
        return ops.reshape(x, (-1, grid[0], patch_size * channels))
    x = ops.reshape(x, (-1, grid[0], patch_size, grid[1], patch_size, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, grid[0] * grid[1], patch_size**2 * channels))


def unpatchify(patches, shape, patch_size):
    """The inverse of `patchify` for inputs of `shape`; the number of channels follows from the values per patch."""
    grid = grid_of(shape, patch_size)
    if len(grid) == 1:
        return ops.reshape(patches, (-1, shape[0], patches.shape[-1] // patch_size))
    channels = patches.shape[-1] // patch_size**2
    x = ops.reshape(patches, (-1, *grid, patch_size, patch_size, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, *shape[:2], channels))


def at_size(visible, maps):
    """Visible places (N, rows, columns, 1), repeated to the size of maps (N, H, W, C)."""
    factor = maps.shape[1] // visible.shape[1]
    return visible if factor == 1 else ops.repeat(ops.repeat(visible, factor, axis=1), factor, axis=2)


def positions(grid, width, trained=None):
    """Sine and cosine embeddings of the positions of a grid, (positions, width), float32 (Vaswani et al. 2017, arXiv:1706.03762).

    The width is divided evenly among the axes, the last axis first, as in the code of He et al. 2022, arXiv:2111.06377.

    Args:
        grid: number of positions along each axis.
        width: size of the embedding of a position.
        trained: the grid that a model was trained on, if different: its embeddings are interpolated by cubic convolution.
    """
    if trained is not None and tuple(trained) != tuple(grid):
        numbers = positions(trained, width).reshape(*trained, width)
        for axis, count in enumerate(grid):
            numbers = np.moveaxis(np.tensordot(_cubic(numbers.shape[axis], count), numbers, (1, axis)), 0, axis)
        return numbers.reshape(-1, width).astype(np.float32)
    share = width // len(grid)
    rates = 1 / 10000 ** (np.arange(share // 2) / (share / 2))
    parts = []
    for axis in np.meshgrid(*map(np.arange, grid), indexing="ij")[::-1]:
        angles = axis.reshape(-1, 1) * rates
        parts += [np.sin(angles), np.cos(angles)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def interpolated(old, new):
    """The matrix (new places, old places), float32, that interpolates numbers on one grid to another; None if they are equal.

    Args:
        old, new: numbers of places (rows, columns).
    """
    if tuple(old) == tuple(new):
        return None
    return np.kron(_cubic(old[0], new[0]), _cubic(old[1], new[1])).astype(np.float32)


def _cubic(old, new, a=-0.75):
    """The matrix (new, old) that interpolates `old` values to `new` (Keys 1981), `a` as in PyTorch, edges repeated."""
    centers = (np.arange(new) + 0.5) * old / new - 0.5
    first = np.floor(centers).astype(int)
    matrix = np.zeros((new, old))
    for tap in range(-1, 3):
        d = np.abs(centers - (first + tap))
        near = (a + 2) * d**3 - (a + 3) * d**2 + 1
        far = a * (d**3 - 5 * d**2 + 8 * d - 4)
        np.add.at(matrix, (np.arange(new), np.clip(first + tap, 0, old - 1)), np.where(d <= 1, near, far))
    return matrix
