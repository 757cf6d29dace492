"""Evaluation of models, by stated protocols: reconstruction errors, probes of the features, likelihoods and sample quality.

Names are imported on first use, so that the parts of this package that models use do not load the others.
"""

import importlib

_HOMES = {
    "best_feature_layer": "probes",
    "bits_per_dim": "likelihood",
    "elbo": "likelihood",
    "knn_probe": "probes",
    "linear_probe": "probes",
    "log_likelihood": "likelihood",
    "measure": "measurement",
    "probe_features": "probes",
    "reconstruction_metrics": "reconstruction",
}

__all__ = [*_HOMES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"zoo.evaluation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'zoo.evaluation' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
