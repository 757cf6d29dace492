"""A density defined by a flow and a standard normal, fitted by maximum likelihood with `fit`."""

import math

import keras
from keras import ops


class FlowDensity(keras.Model):
    """p(x) = N(f(x); 0, I) |det ∂f/∂x|; `fit(x)` on vectors (N, D) minimizes the mean of -log p(x), in nats.

    Args:
        flow: a `Flow`.
        units: D.
        to_noise: whether the flow's `call` maps data to noise (masked autoregressive) or noise to data (inverse autoregressive).
            The latter's density and gradients are computed exactly through the sequential inverse, one pass per variable,
            without a bound or a second network.
    """

    def __init__(self, flow, units, to_noise=True, **kwargs):
        # Flows compute in float32 under any dtype policy; their inputs must not be rounded.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.flow = flow
        self.units = units
        self.to_noise = to_noise
        self.flow.build((None, units))
        self.built = True

    def call(self, x):
        log_density = self.log_density(x)
        self.add_loss(-ops.mean(log_density))
        return log_density

    def log_density(self, x):
        """log p(x) in nats, (N,), for x (N, D)."""
        noise, log_det = self.flow(x) if self.to_noise else self.flow.inverse(x)
        return log_det - 0.5 * ops.sum(ops.square(noise) + math.log(2 * math.pi), axis=-1)

    def from_noise(self, noise):
        """x (N, D) from standard normal noise (N, D)."""
        return (self.flow.inverse(noise) if self.to_noise else self.flow(noise))[0]
