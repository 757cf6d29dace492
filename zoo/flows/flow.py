"""Normalizing flows and chains of them (Rezende & Mohamed 2015, "Variational inference with normalizing flows",
arXiv:1505.05770).

For z' = f(z): log p(z') = log p(z) - log|det ∂z'/∂z|
"""

import keras
from keras import ops


class Flow(keras.layers.Layer):
    """Base. `call(z[, context])` -> (z', log|det ∂z'/∂z|), of shapes (N, D) and (N,), for z (N, D) and context (N, C).

    `inverse(z'[, context])` -> (z, log|det ∂z/∂z'|). Both in float32: densities are sums of many terms.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)

    def build(self, z_shape, context_shape=None):
        self.built = True

    def inverse(self, z, context=None):
        raise NotImplementedError


class Chain(Flow):
    """Flows applied one after another, all with the same context."""

    def __init__(self, flows, **kwargs):
        super().__init__(**kwargs)
        self.flows = list(flows)

    def build(self, z_shape, context_shape=None):
        for flow in self.flows:
            flow.build(z_shape, context_shape)
        self.built = True

    def call(self, z, context=None):
        total = ops.zeros_like(z[:, 0])
        for flow in self.flows:
            z, log_det = flow(z, context)
            total += log_det
        return z, total

    def inverse(self, z, context=None):
        total = ops.zeros_like(z[:, 0])
        for flow in reversed(self.flows):
            z, log_det = flow.inverse(z, context)
            total += log_det
        return z, total
