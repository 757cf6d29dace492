"""Residual networks without normalization, with an optional linear path."""

import keras
import numpy as np
from keras import layers, ops

from zoo.backbones.linear_path import LinearPathEncoder
from zoo.backbones.resize import Crop
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair, regularizer


def resnet(
    input_shape,
    filters=(64, 128, 256),
    blocks=2,
    activation="silu",
    first_stride=2,
    linear_path=False,
    dropout=0.0,
    weight_decay=0.0,
):
    """Stages of residual blocks (He et al. 2016), each of which first halves height and width; mirrored in the decoder.

    Each block is x + α f(x) with a learned α, initially 0 (ReZero; Bachlechner et al. 2021, arXiv:2003.04887). This way, deep
    networks can be trained without normalization layers, which take a third of a step's time on a CPU.

    Args:
        input_shape: (height, width, channels), any size; for odd sizes, the output is cropped.
        filters: number of feature maps of each stage.
        blocks: residual blocks per stage.
        activation: activation function of the blocks.
        first_stride: stride of the first stage; 4 uses patches of 4 x 4 pixels, which is fast.
        linear_path: whether the code is a linear map of the image, with a network from image to image before and after it (down
            through all stages and up again, added to the image). `zoo.training.initialization.pca` initializes the map with PCA,
            so that the model starts with PCA's error.
        dropout: fraction of whole feature maps dropped in training, in each block.
        weight_decay: L2 penalty on the kernels, added to the loss.
    """
    if not filters:
        raise ZooError("got filters=(), expected the number of feature maps of at least one stage.")
    if first_stride not in (1, 2, 4, 8):
        raise ZooError(f"got first_stride={first_stride}, expected 1, 2, 4 or 8.")
    strides = [first_stride] + [2] * (len(filters) - 1)
    sizes = [tuple(input_shape[:2])]
    for stride in strides:
        sizes.append(tuple(-(-n // stride) for n in sizes[-1]))
    decay = regularizer(weight_decay)

    def residual_blocks(count):
        return [ResidualBlock(count, activation, dropout, weight_decay) for _ in range(blocks)]

    def down():
        stages, names = [], []
        for i, (count, stride) in enumerate(zip(filters, strides)):
            stages.append(
                layers.Conv2D(
                    count, max(3, stride), strides=stride, padding="same", kernel_regularizer=decay, data_format="channels_last"
                )
            )
            stages += residual_blocks(count)
            names += [None] * blocks + [f"stage{i + 1}"]
        return stages + [layers.Activation(activation)], names + [None]

    def up(outputs, last_kernel="glorot_uniform"):
        stages = []
        for i in reversed(range(len(filters))):
            stages += [*residual_blocks(filters[i]), layers.Activation(activation)]
            transposed = layers.Conv2DTranspose(
                filters[i - 1] if i else outputs,
                2 * strides[i] if strides[i] > 1 else 3,
                strides=strides[i],
                padding="same",
                kernel_initializer="glorot_uniform" if i else last_kernel,
                kernel_regularizer=decay,
                data_format="channels_last",
            )
            stages += [transposed, Crop(sizes[i])]
        return stages

    def decoder(code_shape, outputs):
        bottom = (*sizes[-1], filters[-1])
        start = []
        if len(code_shape) == 1:
            start = [layers.Dense(int(np.prod(bottom)), kernel_regularizer=decay), layers.Reshape(bottom)]
        return Backbone(start + up(outputs))

    stages, names = down()
    if not linear_path:
        return Pair(Backbone(stages, names), decoder)

    # Its last layer starts at zero, so that initially only the linear map has an effect.
    back = up(input_shape[-1], "zeros")
    encoder = LinearPathEncoder(Backbone(stages + back, names + [None] * len(back)))
    return Pair(encoder, lambda code_shape, outputs: Backbone(down()[0] + up(outputs, "zeros")), linear_path=True)


class ResidualBlock(layers.Layer):
    """x + α conv(act(conv(act(x)))), (N, H, W, C) -> the same shape; α is learned and starts at zero."""

    def __init__(self, filters, activation, dropout, weight_decay, **kwargs):
        super().__init__(**kwargs)
        common = dict(padding="same", kernel_regularizer=regularizer(weight_decay))
        self.activation = keras.activations.get(activation)
        self.conv1 = layers.Conv2D(filters, 3, **common, data_format="channels_last")
        self.conv2 = layers.Conv2D(filters, 3, **common, data_format="channels_last")
        self.dropout = layers.SpatialDropout2D(dropout, data_format="channels_last") if dropout else None

    def build(self, input_shape):
        self.conv1.build(input_shape)
        self.conv2.build(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        h = self.conv2(self.activation(self.conv1(self.activation(x))))
        if self.dropout is not None:
            h = self.dropout(h)
        return x + ops.cast(self.scale, h.dtype) * h
