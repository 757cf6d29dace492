"""Metrics of samples: Fréchet distances between samples and the data."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation import frechet
from zoo.evaluation.metrics.subject import rounded


def _frechet_distance(subject, *, encoder=None, layer=None, pool=None, n=10_000):
    _check_encoder({"encoder": encoder}, subject.dataset)
    if encoder is None:
        encoder, of_layer, of_pool = frechet.ENCODERS[subject.dataset]
        layer, pool = (of_layer, of_pool if pool is None else pool) if layer is None else (layer, pool)
    features = subject.once(("frechet encoder", encoder, layer, pool), lambda: frechet.encoder_features(encoder, layer, pool))
    described = f"features of {encoder} ({'the code' if layer in (None, 'code') else layer}, pool {pool or 'flatten'})"
    found = _distance_of_samples(subject, features, described, n)
    return {**found, "parameters": {"encoder": encoder, "layer": layer, "pool": pool}}


def _fid(subject, *, n=10_000):
    features = subject.once("inception", frechet.inception_features)
    described = "InceptionV3 of keras.applications (pooled features, images resized to 299; published FIDs use another network)"
    return _distance_of_samples(subject, features, described, n)


def _check_encoder(given, dataset):
    known = frechet.ENCODERS
    if dataset is not None and given.get("encoder") is None and dataset not in known:
        raise ZooError(
            f"frechet_distance has no default encoder for {dataset}, only for {', '.join(known)}; set one, for "
            "example {'metric': 'frechet_distance', 'encoder': 'ae_conv.mnist'}."
        )


def _check_inception(given, dataset):
    if dataset is not None:
        frechet.inception_file()


def _distance_of_samples(subject, features, described, n):
    """The Fréchet distance between `n` samples and the test split, and `floor`, the distance for as many training images."""
    if n < 2:
        raise ZooError(f"got n={n} samples, expected at least 2 to estimate a covariance.")
    train, samples = subject.train().images, subject.model.sample(n, seed=subject.seed)
    test = features(subject.test_images())
    chosen = np.random.default_rng(subject.seed).permutation(len(train))[:n]
    floor = frechet.frechet_distance(features(train[np.sort(chosen)]), test)
    value = frechet.frechet_distance(features(samples), test)
    compared = f"for {len(chosen)} training images it is {floor:.3g}"
    return {
        "value": value,
        "n": len(test),
        "protocol": f"Fréchet distance between {n} samples and the test split, {described}; {compared}",
        "floor": rounded(floor),
        "tolerance": 0.01 * value + 0.01 * floor,
    }


METRICS = {
    "frechet_distance": _frechet_distance,
    "fid": _fid,
}
CHECKS = {"frechet_distance": _check_encoder, "fid": _check_inception}
