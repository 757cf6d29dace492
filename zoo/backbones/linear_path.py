"""A linear map of all pixels beside a network: what the network then has to learn is only what PCA cannot do."""

import keras
import numpy as np
from keras import layers, ops

from zoo.layers.code import flatten


class LinearPathEncoder(keras.layers.Layer):
    """(N, H, W, C) -> (N, D): the features of a network and, after them, the pixels, for the bottleneck to read both."""

    def __init__(self, net, **kwargs):
        super().__init__(**kwargs)
        self.net = net

    def build(self, input_shape):
        self.net.build(input_shape)
        self.built = True

    @property
    def stage_names(self):
        return self.net.stage_names

    def until(self, x, name):
        return self.net.until(x, name)

    def call(self, x):
        return ops.concatenate([flatten(self.net(x)), flatten(x)], axis=-1)


class LinearPathDecoder(keras.layers.Layer):
    """Codes (N, D) to the outputs of a network, shifted by a linear image of the code.

    Args:
        net: from codes to outputs (N, H, W, parameters a pixel).
        image_shape: (H, W, C) of the linear image.
        shift: function (outputs, image) -> outputs, of the reconstruction loss, which knows what its outputs mean.
    """

    def __init__(self, net, image_shape, shift, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.linear = layers.Dense(int(np.prod(image_shape)))
        self.image_shape = tuple(image_shape)
        self.shift = shift

    def build(self, code_shape):
        self.net.build(code_shape)
        self.linear.build(code_shape)
        self.built = True

    def call(self, z):
        return self.shift(self.net(z), ops.reshape(self.linear(z), (-1, *self.image_shape)))
