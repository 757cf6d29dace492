"""What `encode` takes: an array of images, a batched `tf.data.Dataset`, or a `keras.utils.PyDataset`."""

from collections.abc import Mapping

import keras
import numpy as np

from zoo.errors import ZooError

# Keys under which a mapping holds the images of a batch.
_IMAGES = ("image", "images")


def arrays_of(x):
    """Arrays of images, one after the other: of an array that one, of a data set those of its batches, without labels.

    Batches are images, pairs of images and labels, or mappings with "image" or "images".

    Raises:
        ZooError: for a data set that is empty or has no end.
    """
    batches = _batches(x)
    if batches is None:
        yield x
        return
    nothing = True
    for batch in batches:
        nothing = False
        yield np.asarray(_images(batch))
    if nothing:
        raise ZooError("the data set gave no images.")


def _batches(x):
    if isinstance(x, keras.utils.PyDataset):
        if x.num_batches is None:
            raise ZooError("got a PyDataset without an end (num_batches is None), expected one that gives every image once.")
        return (x[i] for i in range(x.num_batches))
    # Asked so, TensorFlow stays unloaded where another backend runs.
    if hasattr(x, "as_numpy_iterator") and hasattr(x, "cardinality"):
        if int(x.cardinality()) == _INFINITE:
            raise ZooError("got a tf.data.Dataset that repeats without an end, expected one that gives every image once.")
        return x.as_numpy_iterator()
    return None


# `tf.data.INFINITE_CARDINALITY`.
_INFINITE = -1


def _images(batch):
    images = batch[0] if isinstance(batch, (tuple, list)) else batch
    if isinstance(images, Mapping):
        key = next((key for key in _IMAGES if key in images), None)
        if key is None:
            raise ZooError(f"got batches of {', '.join(map(str, images))}, expected images under 'image' or 'images'.")
        images = images[key]
    return images
