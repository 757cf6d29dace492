"""How good a model is: reconstruction errors, probes of its features, likelihoods, each with a stated protocol.

Names are imported on first use, so that what models need of this package loads none of what measures them.
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
