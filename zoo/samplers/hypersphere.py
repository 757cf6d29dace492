"""Codes uniform on the unit sphere: the prior of the hyperspherical VAE (Davidson et al. 2018, arXiv:1804.00891)."""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.hypersphere import uniform
from zoo.samplers.sampler import Sampler


class HypersphereSampler(Sampler):
    """Samples codes of length 1 uniformly over all directions; for models whose code is a vector. Needs no images to fit."""

    def fit_codes(self, model, x):
        shape = tuple(model.bottleneck.code_shape)
        if len(shape) != 1 or shape[0] < 2:
            raise ZooError(f"got a model with codes of shape {shape}, expected vectors of length 2 or more, such as svae's.")
        self.units = shape[0]

    def draw(self, n, seed):
        return uniform(n, self.units, seed)
