"""Overlapping tiles of large images: their places, and results put together without visible seams.

Over the overlap of two tiles, the weight of each decreases linearly to zero; next to the edge of a tile, where a network lacks
context, over a quarter of the overlap, it is zero. The result equals that of the whole image if no value depends on pixels
farther away than this quarter.
"""

import numpy as np


def along(size, side, overlap, factor):
    """Mapping of the start of each tile of `side` along an axis of `size` to the weights of its values, (side * factor,).

    Starts are evenly spaced, at most a tile minus the overlap apart, and the last tile ends with the axis.

    Args:
        size: length of the axis, at least `side`.
        side: length of a tile.
        overlap: fraction of a tile that overlaps with the next one, at least 0 and below 1.
        factor: number of values of a result per unit of the axis.
    """
    common = round(side * overlap)
    count = 1 + -(-(size - side) // max(1, side - common))
    starts = [round(i * (size - side) / max(1, count - 1)) for i in range(count)]
    ramp = common * factor
    distance = np.arange(side * factor) + 0.5
    rising = np.clip((distance - ramp / 4) / (ramp / 2), 0.0, 1.0) if ramp else np.ones_like(distance)
    weights = {}
    for start in starts:
        before = 1.0 if start == 0 else rising
        after = 1.0 if start == size - side else rising[::-1]
        weights[start] = (np.ones_like(rising) * before * after).astype(np.float32)
    return weights


def bands(run, size, tile, overlap, factor, watch=None):
    """Yields the result of a large image from top to bottom, in bands (rows, size[1] * factor, C), float32.

    Memory: that of a band of the height of a tile, whatever the height of the image.

    Args:
        run: function of the place (top, left) of a tile to its result (tile[0] * factor, tile[1] * factor, C).
        size: (height, width) of the image, at least those of a tile. The unit of sizes and places is up to the caller.
        tile: (height, width) of a tile.
        overlap: fraction of a tile that overlaps with the next one, at least 0 and below 1.
        factor: number of rows and columns of a result per unit.
        watch: function that is called after each tile with the number of tiles that are done and of all, or None.
    """
    rows, columns = (along(length, side, overlap, factor) for length, side in zip(size, tile))
    tops, height = list(rows), tile[0] * factor
    values = total = None
    for i, top in enumerate(tops):
        for j, left in enumerate(columns):
            made = run(top, left)
            if values is None:
                values = np.zeros((height, size[1] * factor, made.shape[-1]), np.float32)
                total = np.zeros((height, size[1] * factor, 1), np.float32)
            window = np.s_[:, left * factor : (left + tile[1]) * factor]
            weight = np.outer(rows[top], columns[left])[..., None]
            values[window] += weight * made
            total[window] += weight
            if watch:
                watch(i * len(columns) + j + 1, len(tops) * len(columns))
        # The tiles below begin there.
        ready = (tops[i + 1] - top) * factor if i + 1 < len(tops) else height
        yield values[:ready] / total[:ready]
        for part in (values, total):
            part[: height - ready] = part[ready:].copy()
            part[height - ready :] = 0
