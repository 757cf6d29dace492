"""Evaluation of models, by stated protocols: reconstruction errors, probes of the features, likelihoods and sample quality.

Names are imported on first use, so that the parts of this package that models use do not load the others.
"""

from zoo.utils.lazy import lazy_names

_HOMES = {
    "best_feature_layer": "zoo.evaluation.probes",
    "bits_per_dim": "zoo.evaluation.likelihood",
    "elbo": "zoo.evaluation.likelihood",
    "knn_probe": "zoo.evaluation.probes",
    "linear_probe": "zoo.evaluation.probes",
    "log_likelihood": "zoo.evaluation.likelihood",
    "measure": "zoo.evaluation.measurement",
    "probe_features": "zoo.evaluation.probes",
    "reconstruction_metrics": "zoo.evaluation.reconstruction",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
