"""Base of the restoration models: the image bypasses the networks, which predict only the change."""

import numpy as np

from zoo import backbones, losses
from zoo.backbones.image_path import ImagePathDecoder, ImagePathEncoder
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair
from zoo.layers.bottlenecks.code import MapCode
from zoo.modalities.image import check_images
from zoo.models.base.any_size import restored
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
    """An autoencoder whose outputs are an image for every supported loss, and which restores images of any size."""

    # What a model of gray images restores of color images: each channel, or only the luma.
    restores_luma = False

    def check_loss(self, loss):
        _check_loss(loss)

    def reconstruct(self, x, batch_size=256):
        """Restored images, float32 0..1, of degraded images, uint8 0..255 or floats 0..1. Deterministic.

        Args:
            x: images (N, H, W, C) of any size, or a list of images (H, W, C), which may differ in size; lists, and images of
                another size than `degraded_shape` and `input_shape`, are processed one by one, see `zoo.models.base.any_size`.
            batch_size: number of images per batch.

        Returns:
            The restored images (N, H, W, C), or a list of them. For super-resolution, height and width are larger by the scale,
            except for images of `input_shape`, which are reduced first.

        Raises:
            ZooError: if images have another number of channels or invalid values, or if weights depend on the size of the images.
        """
        if isinstance(x, (list, tuple)):
            images = [np.asarray(image) for image in x]
            return [restored(self, self._checked(image[None], image.shape)[0]) for image in images]
        x = np.asarray(x)
        if x.shape[1:] in (self.degraded_shape, self.data_shape) or not len(x):
            return super().reconstruct(x, batch_size)
        return np.stack([restored(self, image) for image in self._checked(x, x.shape[1:])])

    def _checked(self, images, shape):
        """An array (N, *shape) of valid images. Raises ZooError unless they have the model's number of channels."""
        if len(shape) != 3 or shape[-1] != self.data_shape[-1] or not all(shape):
            wanted = f"(N, height, width, {self.data_shape[-1]})"
            raise ZooError(
                f"got images of shape {images.shape}, expected {wanted}, or a list of images (height, width, "
                f"{self.data_shape[-1]})."
            )
        return check_images(images, shape)


def _check_loss(loss):
    if loss.name not in _LOSSES:
        raise ZooError(f"got the loss {loss.name!r}, expected one of {', '.join(_LOSSES)}, which compare images.")


def add(outputs, image):
    """The network's output added to its input image (Zhang et al. 2017, arXiv:1608.03981)."""
    return outputs + image
