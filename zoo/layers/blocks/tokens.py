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


def positions(grid, width, trained=None, step=1.0):
    """Sine and cosine embeddings of the positions of a grid, (positions, width), float32 (Vaswani et al. 2017, arXiv:1706.03762).

    The width is divided evenly among the axes, the last axis first, as in the code of He et al. 2022, arXiv:2111.06377.

    Args:
        grid: number of positions along each axis.
        width: size of the embedding of a position.
        trained: the grid that a model was trained on, if different: its embeddings are interpolated by cubic convolution.
        step: distance between positions that are adjacent.
    """
    if trained is not None and tuple(trained) != tuple(grid):
        numbers = positions(trained, width, step=step).reshape(*trained, width)
        for axis, count in enumerate(grid):
            numbers = np.moveaxis(np.tensordot(cubic(numbers.shape[axis], count), numbers, (1, axis)), 0, axis)
        return numbers.reshape(-1, width).astype(np.float32)
    share = width // len(grid)
    rates = 1 / 10000 ** (np.arange(share // 2) / (share / 2))
    parts = []
    for axis in np.meshgrid(*map(np.arange, grid), indexing="ij")[::-1]:
        angles = step * axis.reshape(-1, 1) * rates
        parts += [np.sin(angles), np.cos(angles)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def interpolated(old, new, antialias=False):
    """The matrix (new places, old places), float32, that interpolates numbers on one grid to another; None if they are equal.

    Args:
        old, new: numbers of places (rows, columns).
        antialias: see `cubic`.
    """
    if tuple(old) == tuple(new):
        return None
    return np.kron(cubic(old[0], new[0], antialias), cubic(old[1], new[1], antialias)).astype(np.float32)


def cubic(old, new, antialias=False):
    """The matrix (new, old) that interpolates `old` values to `new` by cubic convolution (Keys 1981), edges repeated.

    With `antialias`, to fewer values, the kernel is as wide as the distance of the new ones, and cut off at the edges. The
    parameter of the kernel is that of PyTorch, -0.75, with `antialias` -0.5.
    """
    centers = (np.arange(new) + 0.5) * old / new - 0.5
    if antialias:
        width = max(old / new, 1.0)
        weights = _keys(np.abs(np.arange(old)[None] - centers[:, None]) / width, -0.5)
        return weights / weights.sum(axis=1, keepdims=True)
    first = np.floor(centers).astype(int)
    matrix = np.zeros((new, old))
    for tap in range(-1, 3):
        weights = _keys(np.abs(centers - (first + tap)), -0.75)
        np.add.at(matrix, (np.arange(new), np.clip(first + tap, 0, old - 1)), weights)
    return matrix


def _keys(distance, a):
    """The kernel of cubic convolution with the parameter `a`."""
    near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    far = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
