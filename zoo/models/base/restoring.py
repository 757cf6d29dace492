"""Base of the restoration models: the image bypasses the networks, which predict only the change."""

from zoo import backbones, losses
from zoo.backbones.image_path import ImagePathDecoder, ImagePathEncoder
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair
from zoo.layers.bottlenecks.code import MapCode
from zoo.models.base.assemble import assemble
from zoo.models.base.autoencoder import Autoencoder

# Losses whose outputs are an image, which can be added to or replaced by another image.
_LOSSES = ("mse", "mae", "huber", "ms_ssim")


def restoring(
    backbone,
    input_shape,
    loss,
    backbone_options,
    config,
    combine,
    image_shape=None,
    before=None,
    decoder=None,
    model=None,
    **components,
):
    """`assemble` with feature maps and the image as the code.

    Args:
        backbone, input_shape, loss, backbone_options, config, decoder: see `assemble`.
        combine: function (outputs, image) -> outputs.
        image_shape: input shape of the networks, if different from `input_shape`.
        before: the layer that converts the input to this shape.
        **components: other arguments of `assemble`.
    """
    _check_loss(losses.get(loss))
    image_shape = tuple(image_shape or input_shape)
    code = MapCode(image_shape=image_shape)
    pair = backbones.build(backbone, image_shape, **backbone_options)

    def beside_image(code_shape, outputs):
        net = (decoder or pair.decoder)((*code_shape[:2], code.maps), outputs)
        return ImagePathDecoder(net, image_shape, combine)

    wrapped = Pair(ImagePathEncoder(pair.encoder, before), beside_image)
    return assemble(
        backbone,
        input_shape,
        code,
        loss,
        backbone_options,
        config,
        pair=wrapped,
        model=model or RestoringAutoencoder,
        **components,
    )


class RestoringAutoencoder(Autoencoder):
    """An autoencoder whose outputs are an image for every supported loss."""

    def check_loss(self, loss):
        _check_loss(loss)


def _check_loss(loss):
    if loss.name not in _LOSSES:
        raise ZooError(f"got the loss {loss.name!r}, expected one of {', '.join(_LOSSES)}, which compare images.")


def add(outputs, image):
    """The network's output added to its input image (Zhang et al. 2017, arXiv:1608.03981)."""
    return outputs + image
