"""The variational bottleneck of latent diffusion: a Gaussian at each position of a feature map."""

import keras
from keras import ops

from zoo.layers.bottlenecks.code import Bottleneck, NormalPrior
from zoo.layers.bottlenecks.gaussian import divergence
from zoo.utils.numbers import check_at_least, check_positive

# Range of the log variance; beyond it, a posterior cannot be distinguished from rounding.
_LOG_VARIANCES = (-30.0, 20.0)


class GaussianMap(NormalPrior, Bottleneck):
    """z = (μ(h) + σ(h) ε - shift) * scaling at each position; the loss term is β Σ KL(N(μ, σ²) || N(0, 1)) in nats, batch mean.

    Rombach, Blattmann, Lorenz, Esser & Ommer 2022, "High-resolution image synthesis with latent diffusion models",
    arXiv:2112.10752. The encoder's output is 2 C maps (N, H, W, 2 C), means, then log variances; the code is (N, H, W, C).

    With a β as small as the paper's, the posteriors are far from the prior N(0, 1): realistic samples require a diffusion model
    trained on the codes.

    Args:
        projected: whether a 1 x 1 convolution precedes the means and log variances.
        scaling: factor by which the codes of the training images have a standard deviation of about 1.
        shift: mean of these codes, or 0.
        beta: β.
        standardize: a layer from z to the code, such as `zoo.layers.bottlenecks.standardize.Standardize`, instead of shift and
            scaling; or None.
    """

    loss_names = ("kl",)

    def __init__(self, projected=True, scaling=1.0, shift=0.0, beta=1e-6, standardize=None, **kwargs):
        check_at_least(0, beta=beta)
        check_positive(scaling=scaling)
        super().__init__(**kwargs)
        self.projected, self.scaling, self.shift, self.beta = projected, scaling, shift, beta
        self.standardize = standardize
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        *places, maps = input_shape[1:]
        if self.projected:
            self.project = keras.layers.Conv2D(maps, 1, data_format="channels_last")
            self.project.build(input_shape)
        self.code_shape = (*places, maps // 2)
        if self.standardize is not None:
            self.standardize.build((None, *self.code_shape))
            self.code_shape = self.standardize.compute_output_shape((None, *self.code_shape))[1:]
        self.built = True

    def posterior(self, h):
        """Mean and log variance (N, H, W, C), float32, of q(z|x), before shift and scaling."""
        h = self.project(h) if self.projected else h
        mean, log_variance = ops.split(ops.cast(h, "float32"), 2, axis=-1)
        return mean, ops.clip(log_variance, *_LOG_VARIANCES)

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        self.add_term("kl", self.beta * ops.sum(divergence(mean, log_variance), axis=(1, 2, 3)))
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return ops.cast(self.scaled(mean + ops.exp(0.5 * log_variance) * noise), self.compute_dtype)

    def code(self, h):
        return ops.cast(self.scaled(self.posterior(h)[0]), self.compute_dtype)

    def scaled(self, z):
        """The code, from z before shift and scaling."""
        return (z - self.shift) * self.scaling if self.standardize is None else self.standardize(z)
