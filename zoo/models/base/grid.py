"""What a grid of codes needs of a decoder."""

import keras

from zoo import backbones
from zoo.layers.blocks.backbone import Backbone


def grid_decoder(backbone, input_shape, backbone_options):
    """The `decoder` to give to `assemble`: None, the mirrored one, where it reads grids (H, W, D) of any D.

    A `resnet` begins with residual blocks, which keep the number of maps: before them a 1 x 1 convolution brings the code to
    as many as they have.
    """
    if backbone != "resnet" or backbone_options.get("linear_path"):
        return None

    def decoder(code_shape, outputs):
        pair = backbones.build(backbone, tuple(input_shape), **backbone_options)
        bottom = pair.encoder(keras.KerasTensor((None, *input_shape))).shape[1:]
        return Backbone([keras.layers.Conv2D(bottom[-1], 1, data_format="channels_last"), pair.decoder(bottom, outputs)])

    return decoder
