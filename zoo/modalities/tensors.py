"""The rule of `zoo.modalities.image` for tensors inside a graph."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.modalities.image import BEYOND_PROBABILITIES, SLACK


def assert_unit(x):
    """Raise an error if a tensor of float images (N, H, W, C) is outside 0..1, as are uint8 images cast by Keras.

    For images that the zoo cannot check before, such as inputs of a user's functional model. On TensorFlow the graph raises the
    error, unless it is compiled by XLA, which removes the check; on JAX, values can be checked only outside `jit`.
    """
    if len(x.shape) != 4 or keras.backend.standardize_dtype(x.dtype) == "uint8":
        return
    _assert_range(
        x,
        "got float images outside 0..1, expected floats 0..1 or uint8; divide by 255 or undo the "
        "normalization, or declare keras.Input(shape, dtype='uint8') and feed uint8 images.",
    )


def assert_probabilities(x):
    """Raise an error, as `assert_unit`, if vectors (N, D) of probabilities are outside 0..1."""
    if len(x.shape) == 2:
        _assert_range(x, f"got vectors {BEYOND_PROBABILITIES}")


def _assert_range(x, message):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if isinstance(x, keras.KerasTensor):
            return
        slack = tf.cast(SLACK, x.dtype)
        tf.debugging.assert_less_equal(tf.reduce_max(x), 1 + slack, message=message)
        tf.debugging.assert_greater_equal(tf.reduce_min(x), -slack, message=message)
    elif backend == "jax":
        import jax

        if isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer) and x.size:
            low, high = float(x.min()), float(x.max())
            # In this form, NaN fails the check.
            if not (low >= -SLACK and high <= 1 + SLACK):
                raise ZooError(message)


def to_unit(x, dtype):
    """Scale a tensor of images to 0..1 in float `dtype`: uint8 is divided by 255, floats are unchanged."""
    kind = keras.backend.standardize_dtype(x.dtype)
    if kind == "uint8":
        # Of full rank, because ONNX Runtime is a hundred times slower with a scalar for images of one channel.
        return ops.cast(x, dtype) / ops.full((1,) * len(x.shape), 255, dtype=dtype)
    if not kind.startswith(("float", "bfloat")):
        raise ZooError(f"got images of dtype {kind}, expected uint8 0..255 or floats 0..1; convert them first.")
    return ops.cast(x, dtype)
