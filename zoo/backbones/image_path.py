"""A path for the image beside a network: the code carries what went in, and the network finds only what has to change."""

import keras
from keras import ops

from zoo.layers.blocks.backbone import Around
from zoo.layers.blocks.fold import fold, side, unfold


class ImagePathEncoder(Around):
    """(N, H, W, C) -> (N, h, w, maps + s² C): the maps of `net`, and beside them the image, folded to their size.

    Folding loses nothing, so that any `net` that ends in maps will do; s is what it shrank the image by.

    Args:
        net: the network.
        before: a layer that makes of the input the image that goes both ways, or None.
    """

    def __init__(self, net, before=None, **kwargs):
        super().__init__(net, **kwargs)
        self.before = before

    def image(self, x):
        return x if self.before is None else self.before(x)

    def call(self, x):
        x = self.image(x)
        h = self.net(x)
        return ops.concatenate([h, fold(x, h.shape[1:3])], axis=-1)


class ImagePathDecoder(keras.layers.Layer):
    """Codes of an `ImagePathEncoder` to outputs: `combine(net(maps), image)`.

    Args:
        net: from maps (N, h, w, maps) to outputs (N, H, W, parameters a pixel).
        image_shape: (H, W, C) of the image that the encoder read.
        combine: function (outputs, image) -> outputs.
    """

    def __init__(self, net, image_shape, combine, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.image_shape = tuple(image_shape)
        self.combine = combine

    def build(self, code_shape):
        self.maps = code_shape[-1] - side(self.image_shape[:2], code_shape[1:3]) ** 2 * self.image_shape[-1]
        self.net(keras.KerasTensor((None, *code_shape[1:3], self.maps)))
        self.built = True

    def call(self, z):
        return self.combine(self.net(z[..., : self.maps]), unfold(z[..., self.maps :], self.image_shape))
