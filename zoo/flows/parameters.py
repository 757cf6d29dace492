"""The numbers that a flow is made of: its own, or those that a context asks for."""

import keras
from keras import ops


class Parameters(keras.layers.Layer):
    """`count` numbers: weights (1, count), or, where there is a context (N, C), linear in it (N, count).

    Args:
        count: of the numbers.
        stddev: of their initial values.
    """

    def __init__(self, count, stddev, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.count = count
        self.stddev = stddev

    def build(self, context_shape=None):
        # Without a context every input would have these very numbers: equal ones would make all flows of a chain alike.
        normal = keras.initializers.RandomNormal(stddev=self.stddev)
        self.bias = self.add_weight(name="bias", shape=(1, self.count), initializer=normal)
        if context_shape is not None:
            small = keras.initializers.RandomNormal(stddev=0.01)
            self.kernel = self.add_weight(name="kernel", shape=(context_shape[-1], self.count), initializer=small)
        self.built = True

    def call(self, context=None):
        bias = ops.convert_to_tensor(self.bias)
        return bias if context is None else ops.matmul(context, self.kernel) + bias
