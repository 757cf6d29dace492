"""A linear autoencoder with residual networks before and after it: they learn only what PCA cannot represent, and initially
change nothing."""

import keras
import numpy as np
from keras import layers, ops

from zoo.layers.blocks.backbone import BackboneWrapper
from zoo.layers.bottlenecks.code import flatten


class LinearPathEncoder(BackboneWrapper):
    """(N, H, W, C) -> (N, H W C): the image x + net(x), flattened, as input of the bottleneck's linear map."""

    def call(self, x):
        return flatten(x + self.net(x))


class LinearPathDecoder(keras.layers.Layer):
    """Codes (N, D) to a linear image y, and then to the outputs net(y), shifted by y.

    Args:
        net: from images (N, H, W, C) to outputs (N, H, W, parameters per pixel).
        image_shape: (H, W, C).
        shift: function (outputs, image) -> outputs, from the reconstruction loss, which defines the meaning of its outputs.
    """

    def __init__(self, net, image_shape, shift, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.linear = layers.Dense(int(np.prod(image_shape)))
        self.image_shape = tuple(image_shape)
        self.shift = shift

    def build(self, code_shape):
        self.linear.build(code_shape)
        self.net.build((None, *self.image_shape))
        self.built = True

    def call(self, z):
        image = ops.reshape(self.linear(z), (-1, *self.image_shape))
        return self.shift(self.net(image), image)
