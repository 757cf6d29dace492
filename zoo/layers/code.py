"""Bottlenecks: from what the encoder's backbone found to the code that the decoder reads."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.loss_layer import LossLayer


class Bottleneck(LossLayer):
    """Base. `call(h)` -> the code for training, charging its price; `code(h)` -> the same without chance or charge.

    `features(h)` -> (N, D), what the encoder gives out: the code, flattened, unless a subclass has better.
    """

    code_shape = None

    def code(self, h):
        raise NotImplementedError

    def features(self, h):
        code = self.code(h)
        return code if len(code.shape) == 2 else ops.reshape(code, (-1, int(np.prod(code.shape[1:]))))

    def sample_prior(self, n, seed):
        """`n` codes drawn from the variant's prior, as numpy; `ZooError` for a variant that has none."""
        raise ZooError(
            f"{type(self).__name__} has no prior to sample from; sample from a variational model, such as vae_mlp, instead."
        )


class DenseCode(Bottleneck):
    """A fully connected code of `units`; charges nothing. The code of the plain autoencoder, and the base of those that charge.

    Args:
        units: size of the code.
        activation: of the code; None is linear.
    """

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units, activation=activation)
        self.code_shape = (units,)

    def build(self, input_shape):
        self.dense.build((None, int(np.prod(input_shape[1:]))))
        self.built = True

    def call(self, h):
        return self.code(h)

    def code(self, h):
        return self.dense(flatten(h))


def flatten(h):
    """(N, ...) -> (N, D)."""
    return h if len(h.shape) == 2 else ops.reshape(h, (-1, int(np.prod(h.shape[1:]))))
