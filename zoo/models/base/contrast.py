"""Encoders that take the local contrast of the image, for decoders that reconstruct it."""

from zoo import backbones, losses
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import BackboneWrapper, Pair
from zoo.layers.blocks.contrast import LocalContrast
from zoo.models.base.autoencoder import Autoencoder


def contrast_pair(backbone, input_shape, loss, options):
    """The `Pair` of a backbone; with the loss "contrast_mse", its encoder takes the local contrast."""
    pair = backbones.build(backbone, tuple(input_shape), **options)
    return Pair(ContrastEncoder(pair.encoder), pair.decoder, pair.linear_path) if _uses_contrast(loss) else pair


def _uses_contrast(loss):
    return losses.get(loss).name == "contrast_mse"


class ContrastAutoencoder(Autoencoder):
    """An autoencoder with a pair of `contrast_pair`."""

    def check_loss(self, loss):
        if _uses_contrast(loss) != isinstance(self.encoder.backbone, ContrastEncoder):
            raise ZooError(
                f"got the loss {loss.name!r}, but the encoder of {self.name} is built for {self.reconstruction_loss.name!r}; "
                "give it to zoo.create(..., loss=...) instead."
            )


class ContrastEncoder(BackboneWrapper):
    """An encoder that takes the local contrast of the image."""

    def __init__(self, net, **kwargs):
        super().__init__(net, **kwargs)
        self.contrast = LocalContrast()

    def image(self, x):
        return self.contrast(x)

    def call(self, x):
        return self.net(self.image(x))
