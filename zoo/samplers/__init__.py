"""Samplers: densities fitted, after training, to the codes of a model.

Names are imported on first use, so that listing them loads no deep-learning framework.
"""

import importlib

_HOMES = {
    "GaussianMixtureSampler": "gaussian_mixture",
    "HypersphereSampler": "hypersphere",
    "IAFSampler": "iaf",
    "MAFSampler": "maf",
    "NormalSampler": "normal",
    "PixelCNNSampler": "pixelcnn",
    "PoincareDiskSampler": "poincare_disk",
    "PriorSampler": "normal",
    "RHVAESampler": "rhvae",
    "Sampler": "sampler",
    "TwoStageSampler": "two_stage",
    "VampPriorSampler": "vamp",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"zoo.samplers.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'zoo.samplers' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
