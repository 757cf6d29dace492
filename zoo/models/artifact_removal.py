"""Removal of JPEG artifacts: a network predicts the error of compression and subtracts it (Dong et al. 2015, arXiv:1504.06993).

min E loss(x, x̃ + g(x̃)), x̃ = JPEG(x, q), q ~ U{least, ..., most}
"""

from zoo.layers.corruptions.jpeg import jpeg
from zoo.models.base.assemble import configuration
from zoo.models.base.restoring import RestoringAutoencoder, add, restoring

BACKBONES = ("unet", "conv", "resnet", "dncnn")


class ArtifactRemoval(RestoringAutoencoder):
    """`reconstruct` takes decoded JPEG images."""

    restores_luma = True


def build(
    backbone="unet",
    input_shape=(32, 32, 3),
    quality: int | tuple = (5, 95),
    features=None,
    loss="mse",
    **backbone_options,
):
    """`reconstruct` removes the artifacts of decoded JPEG images; blind, the network is not given the quality.

    Args:
        backbone: "unet", "conv", "resnet" or "dncnn", which for this task is the DnCNN-3 of Zhang et al. 2017 (arXiv:1608.03981).
        input_shape: (height, width, channels), 1 or 3 channels; the chroma of color images is compressed at half resolution.
        quality: libjpeg's quality of the training images, an integer 1..100, or a range (least, most) to sample the quality of
            each image from.
        features: the depth of the backbone that the features are taken from; None means the code.
        loss: "mse", "mae", "huber" or "ms_ssim".
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    corrupting = jpeg(quality, input_shape)
    parts = dict(corruption=corrupting, features=features, model=ArtifactRemoval)
    return restoring(backbone, input_shape, loss, backbone_options, config, add, **parts)
