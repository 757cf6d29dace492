"""Group normalization (Wu & He 2018, arXiv:1803.08494)."""

from keras import layers, ops


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
        height, width, maps = x.shape[1:]
        size = maps // self.groups
        h = ops.cast(x, "float32")
        # Moments a map first, in one pass each; those of a group are made of them.
        mean = ops.mean(h, axis=(1, 2), keepdims=True)
        square = ops.mean(ops.square(h - mean), axis=(1, 2), keepdims=True)
        grouped = ops.reshape(mean, (-1, self.groups, size))
        middle = ops.mean(grouped, axis=2, keepdims=True)
        between = ops.mean(ops.square(grouped - middle), axis=2, keepdims=True)
        variance = ops.mean(ops.reshape(square, (-1, self.groups, size)), axis=2, keepdims=True) + between
        scale = ops.reshape(ops.repeat(ops.rsqrt(variance + self.epsilon), size, axis=2), (-1, 1, 1, maps))
        scale = scale * ops.cast(ops.convert_to_tensor(self.gamma), "float32")
        shift = ops.cast(ops.convert_to_tensor(self.beta), "float32") - scale * ops.reshape(
            ops.repeat(middle, size, axis=2), (-1, 1, 1, maps)
        )
        return ops.cast(h * scale + shift, self.compute_dtype)
