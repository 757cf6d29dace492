"""The aggregated posterior as a prior: a mixture of the posteriors of training images (Tomczak & Welling 2018, arXiv:1705.07120).

With training images instead of learned pseudo-inputs, the VampPrior needs no training.
"""

import numpy as np

from zoo.errors import ZooError
from zoo.samplers.sampler import Sampler, posterior_draws


class VampPriorSampler(Sampler):
    """Samples from the posteriors of stored training images with equal probability; for any model that has a posterior.

    Args:
        n: number of stored images, chosen without replacement from those of `fit`; all of them if there are fewer.
        seed: random seed of this choice.
    """

    def __init__(self, n=500, seed=0):
        if n < 1:
            raise ZooError(f"got n={n} components, expected at least 1.")
        self.n = n
        self.seed = seed

    def fit_codes(self, model, x):
        chosen = np.random.default_rng(self.seed).permutation(len(x))[: self.n]
        self.images = x[np.sort(chosen)]
        # Raises the error for a model without a posterior now, not in `sample`.
        posterior_draws(model, self.images[:1], self.seed)

    def draw(self, n, seed):
        chosen = np.random.default_rng(seed).integers(len(self.images), size=n)
        return posterior_draws(self.model, self.images[chosen], seed)
