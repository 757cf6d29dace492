"""A mixture of Gaussians fitted to the codes by expectation maximization (Ghosh et al. 2020, "From variational to deterministic
autoencoders", arXiv:1903.12436, who use it to sample from a regularized autoencoder)."""

import numpy as np

from zoo.errors import ZooError
from zoo.samplers.sampler import VectorSampler
from zoo.utils.distributions import missing_package


class GaussianMixtureSampler(VectorSampler):
    """scikit-learn's mixture of Gaussians with full covariances; requires the extra `sklearn`.

    Args:
        components: number of Gaussians.
        epochs: maximum number of iterations of expectation maximization.
        seed: random seed of the posterior samples and the initialization.
    """

    def __init__(self, components=10, epochs=100, seed=0):
        super().__init__(seed)
        if components < 1:
            raise ZooError(f"got components={components}, expected at least 1.")
        self.components = components
        self.epochs = epochs

    def fit_vectors(self, z):
        if len(z) < self.components:
            raise ZooError(f"got {len(z)} codes for {self.components} components, expected at least as many; use fewer.")
        mixture = _gaussian_mixture(self.components, max_iter=self.epochs, random_state=self.seed)
        self.mixture = mixture.fit(z.astype(np.float64))

    def draw_vectors(self, n, seed):
        rng = np.random.default_rng(seed)
        self.mixture.set_params(random_state=int(rng.integers(2**31)))
        # The samples are ordered by component.
        return rng.permutation(self.mixture.sample(n)[0])


def _gaussian_mixture(components, **options):
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError:
        raise missing_package("GaussianMixtureSampler", "sklearn") from None
    return GaussianMixture(components, **options)
