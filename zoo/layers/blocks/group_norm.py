"""Group normalization (Wu & He 2018, arXiv:1803.08494)."""

import functools
import math

import keras
from keras import layers, ops

from zoo.utils.batching import inferring

# The least that the kernels take.
_EPSILON = 1.001e-5
# Numbers an image from which on they save more time than it takes to go image by image.
_LEAST = 2**18


class GroupNorm(layers.Layer):
    """Feature maps (N, H, W, C) to the same, every group of C / groups maps of an input brought to mean 0 and deviation 1.

    The moments of a group are made of those of its maps, so that the maps are never laid out anew by groups.

    Args:
        groups: divides the maps.
        epsilon: added to the variance.
    """

    def __init__(self, groups, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.epsilon = groups, epsilon

    def build(self, input_shape):
        maps = input_shape[-1]
        self.gamma = self.add_weight(name="gamma", shape=(maps,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(maps,), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        if inferring() and _has_kernels(x):
            return _with_kernels(x, self._scale_and_shift)
        h = ops.cast(x, "float32")
        mean = ops.mean(h, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(h - mean), axis=(1, 2), keepdims=True)
        scale, shift = (ops.expand_dims(numbers, (1, 2)) for numbers in self._scale_and_shift(mean, variance))
        return ops.cast(h * scale + shift, self.compute_dtype)

    def _scale_and_shift(self, mean, variance):
        """What the maps are multiplied by, and what is added, (N, C), by the moments of each map, N C numbers of any shape."""
        maps = self.gamma.shape[0]
        size = maps // self.groups
        mean = ops.reshape(mean, (-1, self.groups, size))
        middle = ops.mean(mean, axis=2, keepdims=True)
        between = ops.mean(ops.square(mean - middle), axis=2, keepdims=True)
        variance = ops.mean(ops.reshape(variance, (-1, self.groups, size)), axis=2, keepdims=True) + between
        scale = ops.reshape(ops.repeat(ops.rsqrt(variance + self.epsilon), size, axis=2), (-1, maps))
        scale = scale * ops.cast(ops.convert_to_tensor(self.gamma), "float32")
        middle = ops.reshape(ops.repeat(middle, size, axis=2), (-1, maps))
        return scale, ops.cast(ops.convert_to_tensor(self.beta), "float32") - scale * middle


def _has_kernels(x):
    """Whether TensorFlow has kernels of batch normalization for a processor that take maps of this kind, and these are many."""
    if keras.backend.backend() != "tensorflow" or isinstance(x, keras.KerasTensor):
        return False
    if None not in x.shape[1:] and math.prod(x.shape[1:]) < _LEAST:
        return False
    import tensorflow as tf

    return x.dtype in (tf.float32, tf.bfloat16) and not tf.config.list_logical_devices("GPU")


def _with_kernels(x, scale_and_shift):
    """The same by those kernels, in fewer passes over the maps, an image of a batch at a time.

    One that normalizes gives the moments of maps, and one that applies moments applies a scale and a shift.
    """
    import tensorflow as tf

    maps, places = x.shape[-1], tf.cast(tf.shape(x)[1] * tf.shape(x)[2], tf.float32)
    kernel = functools.partial(tf.raw_ops.FusedBatchNormV3, epsilon=_EPSILON)

    def normalize(image):
        image = image[None]
        found = kernel(x=image, scale=tf.ones(maps), offset=tf.zeros(maps), mean=[], variance=[], is_training=True)
        # Its variance is the one that a sample has of the whole it was drawn from.
        scale, shift = scale_and_shift(found.batch_mean, found.batch_variance * (places - 1) / places)
        known = dict(mean=tf.zeros(maps), variance=tf.fill([maps], 1 - _EPSILON), is_training=False)
        return kernel(x=image, scale=scale[0], offset=shift[0], **known).y[0]

    # These moments have no gradient.
    return tf.map_fn(normalize, tf.raw_ops.PreventGradient(input=x, message="compiled for inference alone"))
