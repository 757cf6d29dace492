"""Standardization of codes by fixed means and variances, as in FLUX.2 (Black Forest Labs 2025)."""

from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.pixel_shuffle import pixel_shuffle, pixel_unshuffle

_EPSILON = 1e-4


class Standardize(layers.Layer):
    """Maps (N, H, W, C) to (N, H / side, W / side, side² C): (z - mean) / sqrt(variance + 1e-4), of each square of places.

    Means and variances, one number per map of the result, are published with a model, and training does not change them. They
    are 0 and 1 at first.

    Args:
        side: side of a square, in places.
        inverse: whether the layer computes z from the result instead.
    """

    def __init__(self, side, inverse=False, **kwargs):
        # In the precision of the codes.
        super().__init__(autocast=False, **kwargs)
        self.side, self.inverse = side, inverse

    def build(self, input_shape):
        _, height, width, maps = input_shape
        if not self.inverse and (height % self.side or width % self.side):
            raise ZooError(
                f"got codes of {height} x {width} places and standardized={self.side}, expected images whose codes are multiples "
                f"of {self.side}."
            )
        size = maps if self.inverse else maps * self.side**2
        self.mean = self.add_weight(name="mean", shape=(size,), initializer="zeros", trainable=False)
        self.variance = self.add_weight(name="variance", shape=(size,), initializer="ones", trainable=False)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, maps = input_shape
        if self.inverse:
            return count, height * self.side, width * self.side, maps // self.side**2
        return count, height // self.side, width // self.side, maps * self.side**2

    def call(self, z):
        mean, variance = (ops.cast(ops.convert_to_tensor(numbers), z.dtype) for numbers in (self.mean, self.variance))
        deviation = ops.sqrt(variance + _EPSILON)
        if self.inverse:
            return pixel_shuffle(z * deviation + mean, self.side)
        return (pixel_unshuffle(z, self.side) - mean) / deviation
