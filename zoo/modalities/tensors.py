"""The rule of `zoo.modalities.image` inside a graph: images as tensors."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.modalities.image import SLACK


def assert_unit(x):
    """Stop the graph when a tensor of float images (N, H, W, C) goes beyond 1, as uint8 images cast by Keras do.

    On TensorFlow only, where a graph can; XLA leaves the check out.
    """
    if keras.backend.backend() != "tensorflow" or len(x.shape) != 4 or keras.backend.standardize_dtype(x.dtype) == "uint8":
        return
    import tensorflow as tf

    tf.debugging.assert_less_equal(
        tf.reduce_max(x),
        tf.cast(1 + SLACK, x.dtype),
        message="got float images beyond 1, expected floats 0..1 or uint8; divide by 255, or declare "
        "keras.Input(shape, dtype='uint8') and feed uint8 images.",
    )


def assert_probabilities(x):
    """Stop the graph when vectors (N, D) that are to be probabilities leave 0..1: their cross-entropy has no least value.

    On TensorFlow only; images are checked where they come in.
    """
    if keras.backend.backend() != "tensorflow" or len(x.shape) != 2:
        return
    import tensorflow as tf

    message = "got vectors beyond 0..1 under a loss of probabilities; bring them to 0..1, or make the model with loss='gaussian'."
    slack = tf.cast(SLACK, x.dtype)
    tf.debugging.assert_less_equal(tf.reduce_max(x), 1 + slack, message=message)
    tf.debugging.assert_greater_equal(tf.reduce_min(x), -slack, message=message)


def to_unit(x, dtype):
    """Scale a tensor of images to 0..1 in float `dtype`: uint8 is divided by 255, floats are taken as they are."""
    kind = keras.backend.standardize_dtype(x.dtype)
    if kind == "uint8":
        # Of full rank: ONNX Runtime takes a scalar to images of one channel pixel by pixel, which is a hundred times slower.
        return ops.cast(x, dtype) / ops.full((1,) * len(x.shape), 255, dtype=dtype)
    if not kind.startswith(("float", "bfloat")):
        raise ZooError(f"got images of dtype {kind}, expected uint8 0..255 or floats 0..1; convert them first.")
    return ops.cast(x, dtype)
