"""Codes from the wrapped normal at the center of the Poincaré ball (Mathieu et al. 2019, arXiv:1901.06033)."""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.wrapped_normal import WrappedNormalCode
from zoo.samplers.sampler import Sampler


class PoincareDiskSampler(Sampler):
    """Samples from the prior of a `poincare_vae`, in the ball of its curvature. Needs no images to fit."""

    def fit_codes(self, model, x):
        if not isinstance(model.bottleneck, WrappedNormalCode):
            raise ZooError(f"{model.name} has no code in a Poincaré ball, expected a poincare_vae.")
        self.bottleneck = model.bottleneck

    def draw(self, n, seed):
        return self.bottleneck.sample_prior(n, seed)
