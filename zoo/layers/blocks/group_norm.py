"""Group normalization (Wu & He 2018, arXiv:1803.08494)."""

import functools
import math

import keras
from keras import layers, ops

from zoo.utils.batching import inferring

# The smallest epsilon that the kernels accept.
_EPSILON = 1.001e-5
# Number of values per image above which the kernels are faster, although they process one image at a time.
_LEAST = 2**18


class GroupNorm(layers.Layer):
    """Feature maps (N, H, W, C) to the same shape, each group of C / groups maps normalized to mean 0 and deviation 1.

    The moments of a group are computed from those of its maps, so that the maps need not be rearranged by groups.

    Args:
        groups: number of groups; must divide C.
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
        """The factor and the offset of each map, both (N, C), from the moments of each map, N C numbers in any shape."""
        maps = self.gamma.shape[0]
        size = maps // self.groups
        mean = ops.reshape(mean, (-1, self.groups, size))
        middle = ops.mean(mean, axis=2, keepdims=True)
        between = ops.mean(ops.square(mean - middle), axis=2, keepdims=True)
        variance = ops.mean(ops.reshape(variance, (-1, self.groups, size)), axis=2, keepdims=True) + between
        gamma, beta = (
            ops.reshape(ops.cast(ops.convert_to_tensor(numbers), "float32"), (self.groups, size))
            for numbers in (self.gamma, self.beta)
        )
        scale = ops.rsqrt(variance + self.epsilon) * gamma
        return tuple(ops.reshape(numbers, (-1, maps)) for numbers in (scale, beta - scale * middle))


def _has_kernels(x):
    """Whether TensorFlow's CPU kernels of batch normalization accept these maps, and the maps are large enough to benefit."""
    if keras.backend.backend() != "tensorflow" or isinstance(x, keras.KerasTensor):
        return False
    if None not in x.shape[1:] and math.prod(x.shape[1:]) < _LEAST:
        return False
    import tensorflow as tf

    return x.dtype in (tf.float32, tf.bfloat16) and not tf.config.list_logical_devices("GPU")


def _with_kernels(x, scale_and_shift):
    """The same result by those kernels, in fewer passes over the maps, one image of the batch at a time.

    The training kernel returns the moments of the maps, and the inference kernel applies a scale and a shift.
    """
    import tensorflow as tf

    maps, places = x.shape[-1], tf.cast(tf.shape(x)[1] * tf.shape(x)[2], tf.float32)
    kernel = functools.partial(tf.raw_ops.FusedBatchNormV3, epsilon=_EPSILON)

    def normalize(image):
        image = image[None]
        found = kernel(x=image, scale=tf.ones(maps), offset=tf.zeros(maps), mean=[], variance=[], is_training=True)
        # The kernel returns the unbiased variance.
        scale, shift = scale_and_shift(found.batch_mean, found.batch_variance * (places - 1) / places)
        known = dict(mean=tf.zeros(maps), variance=tf.fill([maps], 1 - _EPSILON), is_training=False)
        return kernel(x=image, scale=scale[0], offset=shift[0], **known).y[0]

    # The kernels' moments have no gradient.
    return tf.map_fn(normalize, tf.raw_ops.PreventGradient(input=x, message="compiled for inference alone"))
