"""Temporal convolutional network: dilated convolutions over time (Bai, Kolter & Koltun 2018, arXiv:1803.01271)."""

import keras
from keras import layers

from zoo.backbones.over_time import OverTime, as_sequence, from_sequence, sequence_start
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair, regularizer
from zoo.utils.numbers import check_whole


def tcn(
    input_shape,
    filters=(32, 32, 32, 32),
    kernel_size=3,
    causal=True,
    pool=1,
    activation="relu",
    dropout=0.0,
    weight_decay=0.0,
):
    """Residual blocks of two convolutions, whose dilation doubles from block to block; the decoder has them in reverse order.

    A block sees (2 ** blocks - 1) * 2 * (kernel_size - 1) + 1 steps. Without the weight normalization of the paper.

    Args:
        input_shape: (length, channels) of a series, or (height, width, channels) of images, read row by row.
        filters: number of feature maps of each block.
        kernel_size: steps that a kernel covers, before dilation.
        causal: whether a step of the maps depends on no later step; otherwise it depends on both sides.
        pool: the last maps are averaged over so many steps each, as in TCN-AE (Thill et al. 2021); a divisor of the length.
        activation: activation function after each convolution and each block.
        dropout: fraction of whole feature maps dropped in training, after each convolution.
        weight_decay: L2 penalty on the kernels, added to the loss.

    Raises:
        ZooError: if there is no block, or `pool` does not divide the length.
    """
    length = input_shape[0]
    check_whole(1, pool=pool)
    if not filters:
        raise ZooError("got filters=(), expected the number of feature maps of at least one block.")
    if length % pool:
        raise ZooError(f"got pool={pool} for {length} steps, expected a divisor.")

    def block(count, place):
        return TemporalBlock(count, kernel_size, 2**place, causal, activation, dropout, weight_decay)

    stages = [as_sequence(input_shape), *(block(count, i) for i, count in enumerate(filters))]
    names = [None, *(f"block{i + 1}" for i in range(len(filters)))]
    if pool > 1:
        stages.append(layers.AveragePooling1D(pool, data_format="channels_last"))
        names.append(None)

    def decoder(code_shape, outputs):
        stages = sequence_start(code_shape, (length // pool, filters[-1]), activation, weight_decay)
        if pool > 1:
            stages.append(layers.UpSampling1D(pool))
        stages += [block(count, i) for i, count in reversed(list(enumerate(filters)))]
        return OverTime([*stages, *from_sequence(input_shape, outputs, weight_decay)])

    return Pair(OverTime(stages, names), decoder)


class TemporalBlock(keras.layers.Layer):
    """(N, T, C) to (N, T, filters): two dilated convolutions beside a shortcut.

    Args:
        filters: number of feature maps.
        kernel_size, causal, activation, dropout, weight_decay: see `tcn`.
        dilation: steps from one step that a kernel covers to the next.
    """

    def __init__(self, filters, kernel_size, dilation, causal, activation, dropout, weight_decay, **kwargs):
        super().__init__(**kwargs)
        common = dict(kernel_regularizer=regularizer(weight_decay), data_format="channels_last")
        padding = "causal" if causal else "same"
        self.filters = filters
        self.convolutions = [
            layers.Conv1D(filters, kernel_size, padding=padding, dilation_rate=dilation, **common) for _ in range(2)
        ]
        self.project = layers.Conv1D(filters, 1, **common)
        self.activation = keras.activations.get(activation)
        self.drop = layers.SpatialDropout1D(dropout) if dropout else None

    def build(self, input_shape):
        shape = tuple(input_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = (*shape[:-1], self.filters)
        self.shortcut = input_shape[-1] != self.filters
        if self.shortcut:
            self.project.build(tuple(input_shape))
        self.built = True

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def call(self, x, training=None):
        h = x
        for convolution in self.convolutions:
            h = self.activation(convolution(h))
            h = h if self.drop is None else self.drop(h, training=training)
        return self.activation(h + (self.project(x) if self.shortcut else x))
