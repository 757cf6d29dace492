"""Plain convolutions that halve the image at each stage."""

import numpy as np
from keras import layers

from zoo.backbones.resize import Crop, halved
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair, regularizer
from zoo.layers.blocks.to_pixels import ToPixels


def conv(
    input_shape,
    filters=(32, 64, 128),
    kernel_size=3,
    convs_per_stage=1,
    strides=None,
    activation="relu",
    batch_norm=False,
    dropout=0.0,
    weight_decay=0.0,
):
    """Stages of convolutions, each of which first reduces height and width; the decoder restores them.

    Supports any image size: odd sizes are rounded up in the encoder and cropped in the decoder.

    Args:
        input_shape: (height, width, channels).
        filters: number of feature maps of each stage.
        kernel_size: side of each kernel, in pixels.
        convs_per_stage: convolutions per stage, the first with the stride.
        strides: stride of each stage, 1 or 2; None means 2 at each stage.
        activation: activation function after each convolution except the last.
        batch_norm: normalize before the activation (Ioffe & Szegedy 2015).
        dropout: fraction of whole feature maps dropped in training, at the end of each stage.
        weight_decay: L2 penalty on the kernels, added to the loss.
    """
    if not filters:
        raise ZooError("got filters=(), expected the number of feature maps of at least one stage.")
    strides = tuple(strides or [2] * len(filters))
    if len(strides) != len(filters) or not set(strides) <= {1, 2}:
        raise ZooError(f"got strides={strides}, expected 1 or 2 for each of the {len(filters)} stages.")
    common = dict(padding="same", kernel_regularizer=regularizer(weight_decay), data_format="channels_last")

    def convolution(kind, count, stride):
        layer = kind(count, kernel_size, strides=stride, use_bias=not batch_norm, **common)
        return [layer, *([layers.BatchNormalization()] if batch_norm else []), layers.Activation(activation)]

    sizes, stages, names = [tuple(input_shape[:2])], [], []
    for i, (count, stride) in enumerate(zip(filters, strides)):
        stages += convolution(layers.Conv2D, count, stride)
        for _ in range(convs_per_stage - 1):
            stages += convolution(layers.Conv2D, count, 1)
        names += [None] * (len(stages) - len(names) - 1) + [f"stage{i + 1}"]
        if dropout:
            stages.append(layers.SpatialDropout2D(dropout, data_format="channels_last"))
            names.append(None)
        sizes.append(halved(sizes[-1]) if stride == 2 else sizes[-1])

    def decoder(code_shape, outputs):
        bottom = (*sizes[-1], filters[-1])
        stages = []
        if len(code_shape) == 1:
            dense = layers.Dense(int(np.prod(bottom)), activation=activation, kernel_regularizer=regularizer(weight_decay))
            stages += [dense, layers.Reshape(bottom)]
        for i in reversed(range(len(filters))):
            for _ in range(convs_per_stage - 1):
                stages += convolution(layers.Conv2D, filters[i], 1)
            if i:
                stages += convolution(layers.Conv2DTranspose, filters[i - 1], strides[i])
            else:
                stages.append(ToPixels(outputs, kernel_size, strides=strides[0], **common))
            stages.append(Crop(sizes[i]))
            if dropout and i:
                stages.append(layers.SpatialDropout2D(dropout, data_format="channels_last"))
        return Backbone(stages)

    return Pair(Backbone(stages, names), decoder)
