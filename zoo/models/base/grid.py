"""Decoders for grids of codes."""

import keras

from zoo import backbones
from zoo.layers.blocks.backbone import Backbone


def grid_decoder(backbone, input_shape, backbone_options):
    """The `decoder` argument of `assemble`: None, for the mirrored decoder, if it accepts grids (H, W, D) with any D.

    The decoder of `resnet` starts with residual blocks, which keep the number of maps; therefore a 1 x 1 convolution before them
    converts the code to their number of maps.
    """
    if backbone != "resnet" or backbone_options.get("linear_path"):
        return None

    def decoder(code_shape, outputs):
        pair = backbones.build(backbone, tuple(input_shape), **backbone_options)
        bottom = pair.encoder(keras.KerasTensor((None, *input_shape))).shape[1:]
        return Backbone([keras.layers.Conv2D(bottom[-1], 1, data_format="channels_last"), pair.decoder(bottom, outputs)])

    return decoder
