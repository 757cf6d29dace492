"""Codes that are feature maps, standardized at each place, as for representation autoencoders (Zheng et al. 2025)."""

from keras import layers, ops

from zoo.layers.bottlenecks.code import MapCode

_EPSILON = 1e-5


class StandardizedMap(MapCode):
    """The encoder's last feature maps h (N, H, W, C) as the code (h - mean) / (deviation + 1e-5) * scaling; adds no loss term.

    Means and deviations are published with a model, and training does not change them. They are 0 and 1 at first.

    Args:
        scaling: factor by which the code is multiplied.
        by_place: whether there are a mean and a deviation for each place and feature, or one of each for all.
    """

    def __init__(self, scaling=1.0, by_place=True, **kwargs):
        super().__init__(grid=1, **kwargs)
        self.scaling = scaling
        self.moments = Moments(by_place)

    def build(self, input_shape):
        super().build(input_shape)
        self.moments.build(input_shape)

    def code(self, h):
        mean, deviation = self.moments(h)
        return (h - mean) / deviation * self.scaling

    def call(self, h):
        return self.code(h)


class Unstandardized(layers.Layer):
    """The first layer of a decoder, the inverse of `StandardizedMap`, with the same arguments."""

    def __init__(self, scaling=1.0, by_place=True, **kwargs):
        super().__init__(**kwargs)
        self.scaling = scaling
        self.moments = Moments(by_place)

    def build(self, input_shape):
        self.moments.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, z):
        mean, deviation = self.moments(z)
        return z / self.scaling * deviation + mean


class Moments(layers.Layer):
    """A mean and a deviation for maps (N, H, W, C), broadcast to them.

    Args:
        by_place: see `StandardizedMap`.
    """

    def __init__(self, by_place, **kwargs):
        super().__init__(**kwargs)
        self.by_place = by_place

    def build(self, input_shape):
        _, height, width, maps = input_shape
        # In the order of the published files.
        shape = (maps, height, width) if self.by_place else (1,)
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.deviation = self.add_weight(name="deviation", shape=shape, initializer="ones", trainable=False)
        self.built = True

    def compute_output_shape(self, input_shape):
        return (tuple(input_shape[1:]),) * 2 if self.by_place else ((1,),) * 2

    def call(self, maps):
        found = [ops.cast(ops.convert_to_tensor(numbers), maps.dtype) for numbers in (self.mean, self.deviation + _EPSILON)]
        return [ops.transpose(numbers, (1, 2, 0)) for numbers in found] if self.by_place else found
