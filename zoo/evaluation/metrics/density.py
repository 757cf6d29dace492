"""Likelihoods, and bounds on them."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation import likelihood
from zoo.evaluation.metrics.subject import rounded


def _nll(subject, *, k=5000, n=1000):
    values = -likelihood.log_likelihood(subject.model, subject.test_images(n), k=k, seed=subject.seed)
    words = f"-log p(x) in nats, estimated by {k} importance samples (Burda et al. 2016)" + _binarized(subject)
    return {**_mean(values), "protocol": words, "tolerance": 0.05}


def _elbo(subject, *, k=1, n=None):
    values = likelihood.elbo(subject.model, subject.test_images(n), k=k, seed=subject.seed)
    words = f"evidence lower bound in nats, {k} sample{'s' * (k > 1)} per image" + _binarized(subject)
    return {**_mean(values), "protocol": words, "tolerance": 0.25}


def _bits_per_dim(subject, *, k=1, n=None):
    images = subject.test_images(n)
    if subject.model.reconstruction_loss.name != "logistic_mixture":
        raise ZooError(
            f"bits_per_dim requires a likelihood of 256 levels, got the loss {subject.model.reconstruction_loss.name!r}; "
            "build the model with loss='logistic_mixture'."
        )
    values = -likelihood.log_likelihood(subject.model, images, k=k, seed=subject.seed)
    words = "negative evidence lower bound" if k == 1 else f"-log p(x), estimated by {k} importance samples,"
    bits = likelihood.bits_per_dim(values, subject.model.data_shape)
    return {**_mean(bits), "protocol": f"{words} in bits per pixel and channel", "tolerance": 0.005}


def _binarized(subject):
    return f"; pixels binarized once with seed {subject.seed}" if subject.model.reconstruction_loss.name == "bernoulli" else ""


def _mean(values):
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"value": float(values.mean()), "n": len(values), "standard_error": error and rounded(error)}


METRICS = {
    "nll": _nll,
    "elbo": _elbo,
    "bits_per_dim": _bits_per_dim,
}
