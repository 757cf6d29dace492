"""Images given to `encode`: an array, a batched `tf.data.Dataset`, or a `keras.utils.PyDataset`."""

import keras

from zoo.data.memory import images_of
from zoo.errors import ZooError

# `tf.data.INFINITE_CARDINALITY`.
_INFINITE = -1


def arrays_of(x):
    """Yields arrays of images: an array itself, or those of the batches of a data set, see `zoo.data.memory.images_of`.

    Raises:
        ZooError: if a data set is empty or infinite, or its batches contain no images.
    """
    batches = _batches(x)
    if batches is None:
        yield x
        return
    empty = True
    for batch in batches:
        empty = False
        yield images_of(tuple(batch) if isinstance(batch, list) else batch)
    if empty:
        raise ZooError("the data set contains no images.")


def _batches(x):
    if isinstance(x, keras.utils.PyDataset):
        if x.num_batches is None:
            raise ZooError("got an infinite PyDataset (num_batches is None), expected one that contains every image once.")
        return (x[i] for i in range(x.num_batches))
    # Recognized by its methods, so that TensorFlow is not loaded on other backends.
    if hasattr(x, "as_numpy_iterator") and hasattr(x, "cardinality"):
        if int(x.cardinality()) == _INFINITE:
            raise ZooError("got an infinite tf.data.Dataset, expected one that contains every image once.")
        return x.as_numpy_iterator()
    return None
