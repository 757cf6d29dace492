"""Parameters of flows: weights, or functions of a context."""

import keras
from keras import ops


class Parameters(keras.layers.Layer):
    """`count` numbers: weights (1, count), or with a context (N, C) a linear function of it, (N, count).

    Args:
        count: number of parameters.
        stddev: standard deviation of the initial values.
    """

    def __init__(self, count, stddev, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.count = count
        self.stddev = stddev

    def build(self, context_shape=None):
        # Random, because with equal initial values all flows of a chain would stay the same.
        normal = keras.initializers.RandomNormal(stddev=self.stddev)
        self.bias = self.add_weight(name="bias", shape=(1, self.count), initializer=normal)
        if context_shape is not None:
            small = keras.initializers.RandomNormal(stddev=0.01)
            self.kernel = self.add_weight(name="kernel", shape=(context_shape[-1], self.count), initializer=small)
        self.built = True

    def call(self, context=None):
        bias = ops.convert_to_tensor(self.bias)
        return bias if context is None else ops.matmul(context, self.kernel) + bias
