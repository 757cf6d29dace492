"""A Gaussian posterior transformed by a normalizing flow (Rezende & Mohamed 2015, arXiv:1505.05770)."""

import keras
from keras import ops

from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.gaussian import GaussianCode, log_ratio
from zoo.layers.state import warmup


class FlowCode(GaussianCode):
    """z = f(z₀; c(h)), z₀ = μ(h) + σ(h) ε; the loss term is w(t) [log q(z|x) - log p(z)] of this sample, in nats, batch mean.

    log q(z|x) = log N(z₀; μ, σ²) - log|det ∂z/∂z₀|, and p(z) = N(0, I). The code and the features are f(μ(h); c(h)), the
    flow of the mean: a deterministic point in the decoder's input space.

    Args:
        units: number of latent variables.
        flow: a flow of `zoo.flows` that takes a context.
        context: size of the context c(h), linear in h; with None, the context is h itself.
        warmup_steps: training steps over which w(t) rises linearly from 0 to 1.
    """

    def __init__(self, units, flow, context=None, warmup_steps=0, **kwargs):
        super().__init__(units, warmup_steps=warmup_steps, **kwargs)
        self.flow = flow
        self.context_dense = None if context is None else keras.layers.Dense(context)

    def build(self, input_shape):
        super().build(input_shape)
        shape = self.mean.kernel.shape[:1]
        if self.context_dense is not None:
            self.context_dense.build((None, *shape))
            shape = (self.context_dense.units,)
        self.flow.build((None, *self.code_shape), (None, *shape))

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        z, ratio = self._transport(mean, log_variance, noise, self.context(h))
        self.add_term("kl", -warmup(self, training) * ratio)
        return ops.cast(z, self.compute_dtype)

    def context(self, h):
        """The context of the flow, (N, C), float32."""
        h = flatten(h)
        return ops.cast(h if self.context_dense is None else self.context_dense(h), "float32")

    def code(self, h):
        return ops.cast(self.flow(self.posterior(h)[0], self.context(h))[0], self.compute_dtype)

    def importance_samples(self, h, k, seed):
        mean, log_variance, context = (ops.repeat(t, k, axis=0) for t in (*self.posterior(h), self.context(h)))
        noise = keras.random.normal(ops.shape(mean), seed=seed)
        z, ratio = self._transport(mean, log_variance, noise, context)
        return ops.reshape(z, (-1, k, *self.code_shape)), ops.reshape(ratio, (-1, k))

    def _transport(self, mean, log_variance, noise, context):
        """z (N, D) and log p(z) - log q(z|x) (N,)."""
        z, log_det = self.flow(mean + ops.exp(0.5 * log_variance) * noise, context)
        return z, log_ratio(z, noise, log_variance) + log_det
