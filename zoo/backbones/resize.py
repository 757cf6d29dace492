"""Image sizes in encoders and decoders."""

import keras


def halved(size):
    """(height, width) after a convolution of stride 2 with "same" padding."""
    return tuple(-(-n // 2) for n in size)


class Crop(keras.layers.Layer):
    """Crops at the bottom and the right, for odd sizes that were rounded up: (N, >=H, >=W, C) -> (N, H, W, C)."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.size, input_shape[3]

    def call(self, x):
        return x if tuple(x.shape[1:3]) == self.size else x[:, : self.size[0], : self.size[1]]
