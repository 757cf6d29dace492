"""The aggregated posterior as a prior: a mixture of the posteriors of training images (Tomczak & Welling 2018, arXiv:1705.07120).

With the training images themselves in the place of learned pseudo-inputs, the VampPrior needs no training of its own.
"""

import numpy as np

from zoo.errors import ZooError
from zoo.samplers.sampler import Sampler, posterior_draws


class VampPriorSampler(Sampler):
    """Draws from the posteriors of stored training images, each as likely as the others; for any model that has a posterior.

    Args:
        n: images that are stored, drawn without replacement from those of `fit`; all of them if those are fewer.
        seed: of that choice.
    """

    def __init__(self, n=500, seed=0):
        if n < 1:
            raise ZooError(f"got n={n} components, expected at least 1.")
        self.n = n
        self.seed = seed

    def fit_codes(self, model, x):
        chosen = np.random.default_rng(self.seed).permutation(len(x))[: self.n]
        self.images = x[np.sort(chosen)]
        # A model without a posterior is refused now, not when it is too late.
        posterior_draws(model, self.images[:1], self.seed)

    def draw(self, n, seed):
        chosen = np.random.default_rng(seed).integers(len(self.images), size=n)
        return posterior_draws(self.model, self.images[chosen], seed)
