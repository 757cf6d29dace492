"""Images as people have them in memory: arrays, pairs with labels, mappings."""

import numbers

import numpy as np

from zoo.errors import ZooError

_NAMES = ("image", "images", "x")


def images_of(batch):
    """The array of images in a batch: itself, the first of a pair (images, labels), or the `image` of a mapping.

    Args:
        batch: an array (N, ...), or what becomes one; a tuple or list that begins with one; or a mapping with an entry called
            `image`, `images` or `x`, or with one entry.

    Raises:
        ZooError: on a mapping in which no entry can be told to be the images, and on an empty tuple.
    """
    if isinstance(batch, dict):
        name = next((name for name in _NAMES if name in batch), None)
        if name is None and len(batch) != 1:
            raise ZooError(f"got a mapping with {', '.join(map(str, batch)) or 'nothing'}, expected images called 'image'.")
        return images_of(batch[name] if name is not None else next(iter(batch.values())))
    if isinstance(batch, tuple) or (isinstance(batch, list) and batch and hasattr(batch[0], "ndim") and batch[0].ndim > 3):
        if not batch:
            raise ZooError("got an empty tuple for a batch, expected images, or a pair of images and labels.")
        return images_of(batch[0])
    return np.asarray(batch)


def is_whole(value):
    """Whether a value is a whole number, Python's or NumPy's; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))
