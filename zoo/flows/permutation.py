"""Reversal of the order of the variables, between autoregressive flows."""

from keras import ops

from zoo.flows.flow import Flow


class Reverse(Flow):
    """The variables in reverse order; preserves volume and is its own inverse."""

    def call(self, z, context=None):
        return ops.flip(z, axis=-1), ops.zeros_like(z[:, 0])

    def inverse(self, z, context=None):
        return self.call(z)
