"""The denoising network of Zhang et al. (2017): convolutions at full resolution, one after the other."""

from keras import layers

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.utils.numbers import check_whole


def dncnn(input_shape, filters=64, depth=17, activation="relu", batch_norm=False):
    """Convolutions of 3 x 3 pixels without strides (Zhang, Zuo, Chen, Meng & Zhang 2017, DnCNN, arXiv:1608.03981).

    The last convolution predicts the noise, and the decoder returns its negative: added to the image, it removes the noise.
    Supports any image size.

    Args:
        input_shape: (height, width, channels).
        filters: number of feature maps of each convolution except the last.
        depth: number of convolutions, at least 2; in the paper 17 for one noise level and 20 for a range of levels.
        activation: activation function after each convolution except the last.
        batch_norm: normalize before the activation (Ioffe & Szegedy 2015), except after the first convolution. Published weights
            have the normalization merged into the kernels.
    """
    check_whole(2, depth=depth)
    check_whole(1, filters=filters)

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
            raise ZooError(f"the decoder of dncnn requires feature maps, got a code of shape {tuple(code_shape)}.")
        return Backbone([convolution(outputs), layers.Rescaling(-1.0)])

    return Pair(Backbone(stages, names), decoder)
