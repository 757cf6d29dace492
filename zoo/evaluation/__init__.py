"""How good a model is: reconstruction errors, probes of its features, likelihoods, pictures, each with a stated protocol."""

from zoo.evaluation.likelihood import bits_per_dim, elbo, log_likelihood
from zoo.evaluation.measure import measure
from zoo.evaluation.probes import best_feature_layer, knn_probe, linear_probe, probe_features
from zoo.evaluation.reconstruction import reconstruction_metrics

__all__ = [
    "best_feature_layer",
    "bits_per_dim",
    "elbo",
    "knn_probe",
    "linear_probe",
    "log_likelihood",
    "measure",
    "probe_features",
    "reconstruction_metrics",
]
