"""Samplers: densities fitted, after training, to the codes of a model.

Names are imported on first use, so that listing them loads no deep-learning framework.
"""

from zoo.utils.lazy import lazy_names

_HOMES = {
    "GaussianMixtureSampler": "zoo.samplers.gaussian_mixture",
    "HypersphereSampler": "zoo.samplers.hypersphere",
    "IAFSampler": "zoo.samplers.iaf",
    "MAFSampler": "zoo.samplers.maf",
    "NormalSampler": "zoo.samplers.normal",
    "PixelCNNSampler": "zoo.samplers.pixelcnn",
    "PoincareDiskSampler": "zoo.samplers.poincare_disk",
    "PriorSampler": "zoo.samplers.normal",
    "RHVAESampler": "zoo.samplers.rhvae",
    "Sampler": "zoo.samplers.sampler",
    "TwoStageSampler": "zoo.samplers.two_stage",
    "VampPriorSampler": "zoo.samplers.vamp",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
