"""The variational bottleneck: a diagonal Gaussian posterior, a standard normal prior, and the KL divergence between them."""

import keras
import numpy as np
from keras import ops

from zoo.layers.bottlenecks.code import Bottleneck, NormalPrior, flatten
from zoo.layers.state import add_state, warmup
from zoo.utils.numbers import check_at_least, check_whole


class GaussianCode(NormalPrior, Bottleneck):
    """z = μ(h) + σ(h) ε; the loss term is β w(t) Σ_d max(KL_d, λ), KL_d = ½ (μ_d² + σ_d² - 1 - log σ_d²) in nats, batch mean.

    Kingma & Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114.

    Args:
        units: number of latent variables.
        beta: weight of the divergence (Higgins et al. 2017).
        warmup_steps: training steps over which w(t) rises linearly from 0 to 1 (Sønderby et al. 2016, arXiv:1602.02282).
        free_bits: λ, in nats per latent variable: a divergence below λ is not reduced further (Kingma et al. 2016,
            arXiv:1606.04934). The divergence is averaged over the batch before the maximum, as in that paper.
    """

    loss_names = ("kl",)
    in_nats = True

    def __init__(self, units, beta=1.0, warmup_steps=0, free_bits=0.0, **kwargs):
        check_whole(1, latent_dim=units)
        check_at_least(0, beta=beta, warmup_steps=warmup_steps, free_bits=free_bits)
        super().__init__(**kwargs)
        self.mean = keras.layers.Dense(units)
        self.log_variance = keras.layers.Dense(units, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01))
        self.beta = beta
        self.warmup_steps = warmup_steps
        self.free_bits = free_bits
        self.seed_generator = keras.random.SeedGenerator()
        self.code_shape = (units,)

    def build(self, input_shape):
        shape = (None, int(np.prod(input_shape[1:])))
        self.mean.build(shape)
        self.log_variance.build(shape)
        if self.warmup_steps:
            self.step = add_state(self, "step")
        self.built = True

    def posterior(self, h):
        """Mean and log variance (N, D), float32, of q(z|x); the variance is kept within e^±14, the safe range of float32."""
        h = flatten(h)
        mean, log_variance = ops.cast(self.mean(h), "float32"), ops.cast(self.log_variance(h), "float32")
        return mean, ops.clip(log_variance, -14.0, 14.0)

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        kl = at_least(divergence(mean, log_variance), self.free_bits)
        self.add_term("kl", self.beta * warmup(self, training) * ops.sum(kl, axis=-1))
        return ops.cast(self.draw(mean, log_variance), self.compute_dtype)

    def draw(self, mean, log_variance):
        """One reparametrized sample (N, D), float32, from the posterior of each row."""
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def code(self, h):
        return ops.cast(self.posterior(h)[0], self.compute_dtype)

    def importance_samples(self, h, k, seed):
        """`k` samples per row from q(z|x) and their weights: z (N, k, D) and log p(z) - log q(z|x) (N, k)."""
        mean, log_variance = (ops.expand_dims(t, 1) for t in self.posterior(h))
        noise = keras.random.normal((ops.shape(mean)[0], k, self.code_shape[0]), seed=seed)
        z = mean + ops.exp(0.5 * log_variance) * noise
        return z, log_ratio(z, noise, log_variance)


def at_least(kl, free_bits):
    """Divergences (N, D) unchanged if `free_bits` is 0; otherwise the maximum of their batch mean (D,) and `free_bits`."""
    return ops.maximum(ops.mean(kl, axis=0), free_bits) if free_bits else kl


def divergence(mean, log_variance):
    """KL(N(mean, exp(log_variance)) || N(0, 1)) of each variable, same shape, in nats."""
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance)


def log_ratio(z, noise, log_variance):
    """log N(z; 0, I) - log N(mean + σ noise; mean, σ²) (...), for (..., D); the normalizing constants of the two cancel."""
    return 0.5 * ops.sum(ops.square(noise) + log_variance - ops.square(z), axis=-1)
