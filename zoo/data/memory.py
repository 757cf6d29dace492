"""Batches of images in memory: arrays, pairs with labels, mappings."""

from collections.abc import Mapping

import numpy as np

from zoo.errors import ZooError

_NAMES = ("image", "images", "x")


def images_of(batch):
    """The array of images in a batch: an array itself, the first element of a pair (images, labels), or an entry of a mapping.

    Args:
        batch: an array-like (N, ...); a tuple or list that begins with one; or a mapping with an entry `image`, `images` or
            `x`, or with a single entry.

    Raises:
        ZooError: if it is not clear which entry of a mapping contains the images, or a tuple is empty.
    """
    if isinstance(batch, Mapping):
        name = next((name for name in _NAMES if name in batch), None)
        if name is None and len(batch) != 1:
            raise ZooError(f"got a mapping with {', '.join(map(str, batch)) or 'nothing'}, expected images called 'image'.")
        return images_of(batch[name] if name is not None else next(iter(batch.values())))
    if isinstance(batch, tuple) or (isinstance(batch, list) and batch and hasattr(batch[0], "ndim") and batch[0].ndim > 3):
        if not batch:
            raise ZooError("got an empty tuple for a batch, expected images, or a pair of images and labels.")
        return images_of(batch[0])
    return np.asarray(batch)
