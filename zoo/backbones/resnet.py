"""Residual networks without normalization, with an optional linear path beside them."""

import keras
import numpy as np
from keras import layers, ops

from zoo.backbones.backbone import Backbone, Pair, regularizer
from zoo.backbones.resize import Crop, halved
from zoo.errors import ZooError


def resnet(
    input_shape,
    filters=(64, 128, 256),
    blocks=2,
    activation="silu",
    first_stride=2,
    top_units=0,
    linear_path=False,
    dropout=0.0,
    weight_decay=0.0,
):
    """Stages of residual blocks (He et al. 2016), each of which begins by halving height and width; mirrored in the decoder.

    Every block is x + α f(x) with α learned from 0 (ReZero; Bachlechner et al. 2021, arXiv:2003.04887), which trains deep
    nets without normalization: normalization layers cost a third of a step on a CPU.

    Args:
        input_shape: (height, width, channels); any size, odd ones are cropped back.
        filters: feature maps of every stage.
        blocks: residual blocks a stage.
        activation: inside the blocks.
        first_stride: stride of the first stage; 4 reads patches of 4 x 4 pixels, which is cheap.
        top_units: units of a dense layer between the maps and the code, on either side; 0 for none.
        linear_path: let a linear map of all pixels run beside the network on either side. It starts where
            `zoo.training.pca.start_from_pca` puts it, so that the model is never behind PCA.
        dropout: share of whole feature maps dropped in training, in every block.
        weight_decay: L2 penalty on the kernels, added to the loss.
    """
    if not filters:
        raise ZooError("got filters=(), expected the number of feature maps of at least one stage.")
    if first_stride not in (1, 2, 4, 8):
        raise ZooError(f"got first_stride={first_stride}, expected 1, 2, 4 or 8.")
    strides = [first_stride] + [2] * (len(filters) - 1)
    decay = regularizer(weight_decay)

    def residual_blocks(count):
        return [ResidualBlock(count, activation, dropout, weight_decay) for _ in range(blocks)]

    sizes, stages, names = [tuple(input_shape[:2])], [], []
    for i, (count, stride) in enumerate(zip(filters, strides)):
        kernel = max(3, stride)
        stages.append(layers.Conv2D(count, kernel, strides=stride, padding="same", kernel_regularizer=decay))
        stages += residual_blocks(count)
        names += [None] * (len(stages) - len(names) - 1) + [f"stage{i + 1}"]
        size = sizes[-1]
        for _ in range(int(np.log2(stride))):
            size = halved(size)
        sizes.append(size)
    stages.append(layers.Activation(activation))
    names.append(None)
    if top_units:
        stages += [layers.Flatten(), layers.Dense(top_units, activation=activation, kernel_regularizer=decay)]
        names += [None, "top"]
    encoder = Backbone(stages, names)

    def decoder(code_shape, outputs):
        bottom = (*sizes[-1], filters[-1])
        stages = []
        if len(code_shape) == 1:
            if top_units:
                stages.append(layers.Dense(top_units, activation=activation, kernel_regularizer=decay))
            stages += [layers.Dense(int(np.prod(bottom)), kernel_regularizer=decay), layers.Reshape(bottom)]
        for i in reversed(range(len(filters))):
            stages += residual_blocks(filters[i])
            stages.append(layers.Activation(activation))
            count = filters[i - 1] if i else outputs
            # The last layer starts at zero, so that a linear path beside it starts alone.
            start = "zeros" if linear_path and i == 0 else "glorot_uniform"
            stages.append(
                layers.Conv2DTranspose(
                    count,
                    max(3, 2 * strides[i] if strides[i] > 1 else 3),
                    strides=strides[i],
                    padding="same",
                    kernel_initializer=start,
                    kernel_regularizer=decay,
                )
            )
            stages.append(Crop(sizes[i]))
        return Backbone(stages)

    return Pair(encoder, decoder, linear_path)


class ResidualBlock(layers.Layer):
    """x + α conv(act(conv(act(x)))), (N, H, W, C) -> the same shape; α is learned and starts at zero."""

    def __init__(self, filters, activation, dropout, weight_decay, **kwargs):
        super().__init__(**kwargs)
        common = dict(padding="same", kernel_regularizer=regularizer(weight_decay))
        self.activation = keras.activations.get(activation)
        self.conv1 = layers.Conv2D(filters, 3, **common)
        self.conv2 = layers.Conv2D(filters, 3, **common)
        self.dropout = layers.SpatialDropout2D(dropout) if dropout else None

    def build(self, input_shape):
        self.conv1.build(input_shape)
        self.conv2.build(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")
        self.built = True

    def call(self, x):
        h = self.conv2(self.activation(self.conv1(self.activation(x))))
        if self.dropout is not None:
            h = self.dropout(h)
        return x + ops.cast(self.scale, h.dtype) * h
