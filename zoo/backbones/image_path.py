"""A bypass of the network for the image: the code also contains the input image, and the network predicts only the change."""

import keras
from keras import ops

from zoo.layers.blocks.backbone import BackboneWrapper
from zoo.layers.blocks.fold import fold, side, unfold


class ImagePathEncoder(BackboneWrapper):
    """(N, H, W, C) -> (N, h, w, maps + s² C): the maps of `net` and the image, folded to their size.

    Folding is lossless, so that any `net` with feature maps as output can be used; s is its reduction of height and width.

    Args:
        net: the network.
        before: a layer applied to the input before the network and the bypass, or None.
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
        net: from maps (N, h, w, maps) to outputs (N, H, W, parameters per pixel).
        image_shape: (H, W, C) of the encoder's image.
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
