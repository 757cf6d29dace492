"""The denoising network of Zhang et al. (2017): convolutions at full resolution, one after the other."""

from keras import layers

from zoo.backbones.backbone import Backbone, Pair
from zoo.errors import ZooError


def dncnn(input_shape, filters=64, depth=17, activation="relu", batch_norm=False):
    """Convolutions of 3 x 3 pixels without strides (Zhang, Zuo, Chen, Meng & Zhang 2017, DnCNN, arXiv:1608.03981).

    The last convolution gives the noise, and the decoder its negative: added to the image that the encoder read, it removes
    the noise. Works for any image size.

    Args:
        input_shape: (height, width, channels).
        filters: feature maps of every convolution but the last.
        depth: number of convolutions, at least 2; 17 in the paper for one noise level, 20 for a range of them.
        activation: after every convolution but the last.
        batch_norm: normalize before the activation (Ioffe & Szegedy 2015), but after the first convolution; published weights
            have it merged into the kernels.
    """
    if not (isinstance(depth, int) and depth >= 2):
        raise ZooError(f"got depth={depth!r}, expected at least 2 convolutions.")

    def convolution(count, **options):
        return layers.Conv2D(count, 3, padding="same", data_format="channels_last", **options)

    stages, names = [], []
    for i in range(depth - 1):
        normalized = batch_norm and i > 0
        stages += [convolution(filters, use_bias=not normalized), *([layers.BatchNormalization()] if normalized else [])]
        stages.append(layers.Activation(activation))
        names += [None] * (len(stages) - len(names) - 1) + [f"stage{i + 1}"]

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(f"the decoder of dncnn reads feature maps, got a code of shape {tuple(code_shape)}.")
        return Backbone([convolution(outputs), layers.Rescaling(-1.0)])

    return Pair(Backbone(stages, names), decoder)
