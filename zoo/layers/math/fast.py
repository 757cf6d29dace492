"""Replacements for functions of `keras.ops` that are slow on TensorFlow."""

import functools

import keras
from keras import ops


def argmax(x):
    """Index (...) of the largest value along the last axis (..., K), int32; the first one in case of ties.

    On TensorFlow, Keras's version distinguishes 0 from -0 by their bits, takes four times as long and has no ONNX form.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.argmax(x, axis=-1)
    import tensorflow as tf

    return tf.argmax(x, axis=-1, output_type=tf.int32)


def argmin(x):
    """Index (...) of the smallest value along the last axis (..., K), see `argmax`."""
    if keras.backend.backend() != "tensorflow":
        return ops.argmin(x, axis=-1)
    import tensorflow as tf

    return tf.argmin(x, axis=-1, output_type=tf.int32)


def softplus(x):
    """log(1 + exp(x)), same shape, to within the rounding of float32 around 1.

    On TensorFlow, it is computed from the sigmoid, which the gradient needs anyway: half the time of Keras's version on a CPU.
    """
    return ops.softplus(x) if keras.backend.backend() != "tensorflow" else _by_sigmoid()(x)


@functools.cache
def _by_sigmoid():
    import tensorflow as tf

    @tf.custom_gradient
    def function(x):
        positive = tf.sigmoid(x)
        # softplus(x) = max(x, 0) - log max(σ(x), 1 - σ(x)).
        return tf.nn.relu(x) - tf.math.log(tf.maximum(positive, 1 - positive)), lambda upstream: upstream * positive

    return function
