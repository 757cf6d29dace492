"""MADE: a dense network whose i-th outputs depend only on the inputs before the i-th (Germain et al. 2015, "MADE: masked
autoencoder for distribution estimation", arXiv:1502.03509).

Each unit has a degree; a connection is kept if the degree does not decrease, and to the outputs only if it increases
"""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError


class MaskedDense(keras.layers.Layer):
    """x (N, I) -> x (W ∘ mask) + b, (N, O), in float32.

    Args:
        mask: (I, O) of zeros and ones.
        kernel_initializer: initializer of W.
    """

    def __init__(self, mask, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.mask = np.asarray(mask, "float32")
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape=None):
        self.kernel = self.add_weight(name="kernel", shape=self.mask.shape, initializer=self.kernel_initializer)
        self.bias = self.add_weight(name="bias", shape=self.mask.shape[1:], initializer="zeros")
        self.built = True

    def call(self, x):
        return ops.matmul(x, self.kernel * self.mask) + self.bias


class MADE(keras.layers.Layer):
    """z (N, D)[, context (N, C)] -> a list of `outputs` arrays (N, D), the i-th column of each a function of z_<i and context.

    The outputs are initially near zero.

    Args:
        units: D.
        outputs: number of arrays.
        hidden: units of each hidden layer, at least one layer.
    """

    def __init__(self, units, outputs, hidden, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        if not hidden or min(hidden) < 1:
            raise ZooError(f"got hidden layers of {tuple(hidden)} units, expected one or more, each of at least 1 unit.")
        self.units = units
        self.outputs = outputs
        self.hidden = tuple(hidden)

    def build(self, z_shape=None, context_shape=None):
        # Units of degree 0 depend on no input; they connect the context to the first output.
        lowest = 0 if context_shape is not None else min(1, self.units - 1)
        before = np.arange(1, self.units + 1)
        self.layers = []
        for units in self.hidden:
            # Evenly spread from the lowest degree: in a layer narrower than the code, the last inputs are unused, not the first.
            after = lowest + np.arange(units) * max(self.units - lowest, 1) // units
            self.layers.append(MaskedDense(after[None] >= before[:, None]))
            before = after
        last = np.tile(np.arange(1, self.units + 1)[None] > before[:, None], (1, self.outputs))
        self.layers.append(MaskedDense(last, keras.initializers.RandomNormal(stddev=0.01)))
        for layer in self.layers:
            layer.build()
        if context_shape is not None:
            self.context = keras.layers.Dense(self.hidden[0], use_bias=False, dtype="float32")
            self.context.build(context_shape)
        self.built = True

    def call(self, z, context=None):
        h = self.layers[0](z)
        if context is not None:
            h += self.context(context)
        for layer in self.layers[1:]:
            h = layer(ops.elu(h))
        return ops.split(h, self.outputs, axis=-1)
