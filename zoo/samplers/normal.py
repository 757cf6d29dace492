"""The normal distribution: the prior that a variational model was trained with, or a Gaussian fitted to its codes.

A Gaussian with the mean and covariance of the codes samples from plain autoencoders, and replaces a prior that the posteriors
do not match (Ghosh et al. 2020, "From variational to deterministic autoencoders", arXiv:1903.12436).
"""

import numpy as np

from zoo.samplers.sampler import Sampler, VectorSampler


class PriorSampler(Sampler):
    """The variant's own prior, for most a standard normal: `sample` is that of the model; nothing is fitted."""

    def fit_codes(self, model, x):
        self.bottleneck = model.bottleneck

    def draw(self, n, seed):
        return self.bottleneck.sample_prior(n, seed)


class NormalSampler(VectorSampler):
    """A Gaussian with full covariance, for any number and size of codes.

    Args:
        seed: random seed of the posterior samples.
    """

    def fit_vectors(self, z):
        z = z.astype(np.float64)
        self.mean = z.mean(axis=0)
        # RᵀR is the sample covariance; this form also works if there are fewer codes than variables.
        self.root = np.linalg.qr((z - self.mean) / np.sqrt(len(z) - 1), mode="r")

    def draw_vectors(self, n, seed):
        noise = np.random.default_rng(seed).standard_normal((n, len(self.root)))
        return self.mean + noise @ self.root
