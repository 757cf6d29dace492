"""The normal distribution: the prior that a variational model was trained with, or the Gaussian that fits its codes.

A Gaussian with the codes' own mean and covariance samples from plain autoencoders, and mends a prior that the posteriors do
not fill (Ghosh et al. 2020, "From variational to deterministic autoencoders", arXiv:1903.12436).
"""

import numpy as np

from zoo.samplers.sampler import Sampler, VectorSampler


class PriorSampler(Sampler):
    """The variant's own prior, a standard normal for most: `sample` is that of the model; there is nothing to fit."""

    def fit_codes(self, model, x):
        self.bottleneck = model.bottleneck

    def draw(self, n, seed):
        return self.bottleneck.sample_prior(n, seed)


class NormalSampler(VectorSampler):
    """A Gaussian of full covariance, whatever the number of codes and their size.

    Args:
        seed: of the posterior's draws.
    """

    def fit_vectors(self, z):
        z = z.astype(np.float64)
        self.mean = z.mean(axis=0)
        # RᵀR is the sample covariance: R has no more rows than there are codes, and needs no matrix that can be inverted.
        self.root = np.linalg.qr((z - self.mean) / np.sqrt(len(z) - 1), mode="r")

    def draw_vectors(self, n, seed):
        noise = np.random.default_rng(seed).standard_normal((n, len(self.root)))
        return self.mean + noise @ self.root
