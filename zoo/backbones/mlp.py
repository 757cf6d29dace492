"""Dense layers."""

import numpy as np
from keras import layers

from zoo.layers.blocks.backbone import Backbone, Pair, regularizer


def mlp(input_shape, hidden=(512, 256), activation="relu", dropout=0.0, weight_decay=0.0):
    """An encoder of dense layers on the flattened input; the decoder has them in reverse order, and a linear output layer.

    Args:
        input_shape: (height, width, channels) or (features,).
        hidden: units of each layer, first to last; with `()` the bottleneck is applied to the input itself.
        activation: activation function of each hidden layer.
        dropout: fraction of the hidden units dropped in training (Srivastava et al. 2014).
        weight_decay: L2 penalty on the kernels, added to the loss.
    """
    stages, names = [layers.Flatten(data_format="channels_last")], [None]
    for i, units in enumerate(hidden):
        stages += _dense(units, activation, dropout, weight_decay)
        names += [None] * (len(stages) - len(names) - 1) + [f"hidden{i + 1}"]

    def decoder(code_shape, outputs):
        shape = (*input_shape[:-1], outputs)
        stages = [layers.Flatten(data_format="channels_last")] if len(code_shape) > 1 else []
        for units in reversed(hidden):
            stages += _dense(units, activation, dropout, weight_decay)
        stages.append(layers.Dense(int(np.prod(shape)), kernel_regularizer=regularizer(weight_decay)))
        if len(shape) > 1:
            stages.append(layers.Reshape(shape))
        return Backbone(stages)

    return Pair(Backbone(stages, names), decoder)


def _dense(units, activation, dropout, weight_decay):
    dense = layers.Dense(units, activation=activation, kernel_regularizer=regularizer(weight_decay))
    return [dense, layers.Dropout(dropout)] if dropout else [dense]
