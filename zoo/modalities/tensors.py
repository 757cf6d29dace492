"""The rule of `zoo.modalities.image` inside a graph: images as tensors."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.modalities.image import BEYOND_PROBABILITIES, SLACK


def assert_unit(x):
    """Stop when a tensor of float images (N, H, W, C) leaves 0..1, as uint8 images cast by Keras do.

    For images that come by a way that the zoo does not see, such as through a functional model of a user's own. On TensorFlow the
    graph stops, unless XLA compiles it, which leaves the check out; on JAX only what runs outside `jit` can be checked.
    """
    if len(x.shape) != 4 or keras.backend.standardize_dtype(x.dtype) == "uint8":
        return
    _assert_range(
        x,
        "got float images below 0 or beyond 1, expected floats 0..1 or uint8; divide by 255 or undo the "
        "normalization, or declare keras.Input(shape, dtype='uint8') and feed uint8 images.",
    )


def assert_probabilities(x):
    """Stop, as `assert_unit`, when vectors (N, D) that are to be probabilities leave 0..1."""
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
            # The other way round NaN would pass.
            if not (low >= -SLACK and high <= 1 + SLACK):
                raise ZooError(message)


def to_unit(x, dtype):
    """Scale a tensor of images to 0..1 in float `dtype`: uint8 is divided by 255, floats are taken as they are."""
    kind = keras.backend.standardize_dtype(x.dtype)
    if kind == "uint8":
        # Of full rank: ONNX Runtime takes a scalar to images of one channel pixel by pixel, which is a hundred times slower.
        return ops.cast(x, dtype) / ops.full((1,) * len(x.shape), 255, dtype=dtype)
    if not kind.startswith(("float", "bfloat")):
        raise ZooError(f"got images of dtype {kind}, expected uint8 0..255 or floats 0..1; convert them first.")
    return ops.cast(x, dtype)
