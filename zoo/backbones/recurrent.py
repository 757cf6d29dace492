"""Recurrent encoders and decoders, of any kind of recurrent layer (Malhotra et al. 2016, arXiv:1607.00148)."""

from keras import layers

from zoo.backbones.over_time import OverTime, as_sequence, from_sequence
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair, regularizer


def recurrent(kind, input_shape, units, dropout, weight_decay):
    """The `Pair` of recurrent layers: the encoder's last state is the input of the bottleneck, and the decoder's at every step.

    Args:
        kind: class of the layers, such as `keras.layers.GRU`.
        input_shape, units, dropout, weight_decay: see `zoo.backbones.gru`.
    """
    if not units:
        raise ZooError("got units=(), expected the number of units of at least one recurrent layer.")

    def layer(count, sequences):
        return kind(count, return_sequences=sequences, dropout=dropout, kernel_regularizer=regularizer(weight_decay))

    last = len(units) - 1
    stages = [as_sequence(input_shape), *(layer(count, i < last) for i, count in enumerate(units))]
    names = [None, *(f"layer{i + 1}" for i in range(len(units)))]

    def decoder(code_shape, outputs):
        first = [layers.Flatten(data_format="channels_last")] if len(code_shape) > 1 else []
        back = [layer(count, True) for count in reversed(units)]
        return OverTime([*first, layers.RepeatVector(input_shape[0]), *back, *from_sequence(input_shape, outputs, weight_decay)])

    return Pair(OverTime(stages, names), decoder)
