"""What the backbones over time share: images as sequences of rows, the start and the end of decoders, features by depth."""

import numpy as np
from keras import layers, ops

from zoo.layers.blocks.backbone import Backbone, regularizer


class OverTime(Backbone):
    """A `Backbone` whose named stages give sequences (N, T, D), which are features as maps (N, T, 1, D)."""

    def until(self, x, name):
        """The output of the stage called `name`, a sequence as maps."""
        return _as_maps(super().until(x, name))

    def every(self, x):
        """The outputs of all named stages, first to last, sequences as maps."""
        return [_as_maps(h) for h in super().every(x)]


def _as_maps(h):
    return ops.expand_dims(h, 2) if len(h.shape) == 3 else h


def as_sequence(input_shape):
    """The layer from inputs to sequences (N, T, D): images become sequences of their rows."""
    return layers.Reshape((input_shape[0], int(np.prod(input_shape[1:]))))


def sequence_start(code_shape, shape, activation, weight_decay):
    """Layers from codes to sequences of `shape` (T, D)."""
    first = [layers.Flatten(data_format="channels_last")] if len(code_shape) > 1 else []
    dense = layers.Dense(int(np.prod(shape)), activation=activation, kernel_regularizer=regularizer(weight_decay))
    return [*first, dense, layers.Reshape(shape)]


def from_sequence(input_shape, outputs, weight_decay):
    """Layers from sequences (N, T, D) to outputs of the shape of inputs, `outputs` numbers a value."""
    shape = (*input_shape[:-1], outputs)
    dense = layers.Dense(int(np.prod(shape[1:])), kernel_regularizer=regularizer(weight_decay))
    return [dense, layers.Reshape(shape)]
