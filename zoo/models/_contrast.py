"""Encoders that read the local contrast of the image, where that is what the decoder has to give back."""

from zoo import backbones
from zoo.backbones.backbone import Around, Pair
from zoo.layers.contrast import LocalContrast


def contrast_pair(backbone, input_shape, loss, options):
    """The `Pair` of a backbone; with the loss "contrast_mse" its encoder reads the local contrast."""
    pair = backbones.build(backbone, tuple(input_shape), **options)
    return Pair(ContrastEncoder(pair.encoder), pair.decoder, pair.linear_path) if loss == "contrast_mse" else pair


class ContrastEncoder(Around):
    """An encoder that reads the local contrast of the image."""

    def __init__(self, net, **kwargs):
        super().__init__(net, **kwargs)
        self.contrast = LocalContrast()

    def image(self, x):
        return self.contrast(x)

    def call(self, x):
        return self.net(self.image(x))
