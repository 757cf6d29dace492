"""Anomaly scores of images, from a model and a set of normal images; higher is more anomalous."""

import numpy as np

from zoo.anomaly.maps import robust_maximum
from zoo.errors import ZooError, suggest
from zoo.evaluation.likelihood import has_likelihood, log_likelihood
from zoo.evaluation.probes import probe_features
from zoo.utils.models import check_autoencoder

SCORES = ("reconstruction", "likelihood", "knn")
MAP = "map"
COMBINED = "combined"
_METRICS = ("euclidean", "cosine")

# Maximum number of normal images to calibrate a score on; more images hardly change its median.
_CALIBRATED_ON = 5_000
# The standard deviation of a normal distribution divided by its median absolute deviation.
_DEVIATIONS = 1.4826


class AnomalyDetector:
    """Anomaly scores by an autoencoder; higher is more anomalous. Some scores are computed relative to normal images.

    - `"reconstruction"`: the reconstruction loss of the image (Sakurada & Yairi 2014).
    - `"map"`: the mean of the highest hundredth of the values of `Autoencoder.anomaly_map`, for anomalies that are small parts of
      an image.
    - `"likelihood"`: -log p(x) in nats, estimated by importance sampling (Burda et al. 2016, arXiv:1509.00519); for a model of
      binary pixels, the mean over random binarizations of the image.
    - `"knn"`: mean distance from the features of the image to those of the nearest normal images (Ramaswamy et al. 2000). Each
      feature is divided by its standard deviation over the normal images; with `metric="cosine"`, each feature vector is
      divided by its length instead.
    - `"combined"`: the mean of all scores but `"map"` that the model supports. Each score is first standardized over the normal
      images: its median is subtracted, and the result is divided by 1.4826 times its median absolute deviation.

    Args:
        model: an `Autoencoder`.
        by: kind of score, one of the above.
        layer, pool: depth and pooling of the features for `"knn"`, see `Encoder.at`; by default the features of `encode`.
        neighbours: number of nearest normal images, for `"knn"`.
        metric: "euclidean" or "cosine", for `"knn"`; "cosine" ignores the length of feature vectors, which depends
            for example on the contrast of an image.
        samples: number of importance samples per image, for `"likelihood"`.
        seed: random seed of the importance samples. All images use the same ones, so that the score of an image does not
            depend on the other images of the batch.

    Raises:
        ZooError: if the score is unknown or the model does not support it, or an argument is out of range.
    """

    def __init__(self, model, by=COMBINED, layer=None, pool=None, neighbours=5, samples=100, seed=0, metric="euclidean"):
        known = (SCORES[0], MAP, *SCORES[1:], COMBINED)
        if by not in known:
            raise ZooError(f"there is no anomaly score {by!r}.{suggest(by, known)} There are {', '.join(known)}.")
        if neighbours < 1 or samples < 1:
            raise ZooError(f"got neighbours={neighbours} and samples={samples}, expected at least 1 of each.")
        if metric not in _METRICS:
            raise ZooError(f"got metric={metric!r}, expected one of {', '.join(_METRICS)}.{suggest(str(metric), _METRICS)}")
        if by != "knn":
            check_autoencoder(model, model.name)
        self.model, self.by, self.layer, self.pool, self.metric = model, by, layer, pool, metric
        self.neighbours, self.samples, self.seed = neighbours, samples, seed
        self.names = (by,) if by != COMBINED else tuple(n for n in SCORES if n != "likelihood" or has_likelihood(model))
        self.needs_fit = by in ("knn", COMBINED)
        self._bank = None

    def fit(self, normal, batch_size=256):
        """Store the features and scores of normal images; returns the detector.

        Args:
            normal: images (N, *input_shape), uint8 or floats 0..1, N > neighbours; preferably not used in training.
            batch_size: number of images per batch.

        Raises:
            ZooError: if there are too few images, or they have another shape or range.
        """
        normal = self.model.modality.check(normal, self.model.data_shape)
        if len(normal) <= self.neighbours:
            raise ZooError(f"got {len(normal)} normal images, expected more than neighbours={self.neighbours}.")
        if "knn" in self.names:
            features = self._features(normal, batch_size)
            self._deviation = np.maximum(features.std(axis=0), 1e-6 * max(float(features.std()), 1e-30))
            # Converted to double precision once, because `distance` is called for every batch of a stream.
            self._bank = self._scaled(features).astype(np.float64)
        if self.by == COMBINED:
            chosen = np.sort(np.random.default_rng(self.seed).permutation(len(normal))[:_CALIBRATED_ON])
            found = self._scores(normal[chosen], batch_size, itself=True)
            self._middle = {name: float(np.median(values)) for name, values in found.items()}
            self._spread = {name: spread(values) for name, values in found.items()}
        return self

    def score(self, x, batch_size=256):
        """Anomaly scores (N,), float64, of images (N, *input_shape), uint8 or floats 0..1; higher is more anomalous.

        Raises:
            ZooError: if the score requires normal images and `fit` was not called.
        """
        if self.needs_fit and self._bank is None:
            raise ZooError(f"the anomaly score {self.by!r} requires normal images; call fit with some first.")
        found = self._scores(x, batch_size)
        if self.by != COMBINED:
            return found[self.by]
        return np.mean([(v - self._middle[name]) / self._spread[name] for name, v in found.items()], axis=0)

    def _scores(self, x, batch_size, itself=False):
        """Mapping of each of `names` to scores (N,); with `itself`, x is part of the normal images, and an image is not its own
        neighbour."""
        measures = {
            "reconstruction": lambda: self.model.reconstruction_error(x, batch_size),
            "map": lambda: robust_maximum(self.model.anomaly_map(x, batch_size)),
            "likelihood": lambda: -log_likelihood(self.model, x, self.samples, self.seed, comparable=True),
            "knn": lambda: distance(self._scaled(self._features(x, batch_size)), self._bank, self.neighbours, itself),
        }
        return {name: np.asarray(measures[name](), np.float64) for name in self.names}

    def _scaled(self, features):
        if self.metric == "cosine":
            return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        return features / self._deviation

    def _features(self, x, batch_size):
        return probe_features(self.model, x, self.layer, self.pool, batch_size)


def distance(x, bank, neighbours, itself=False, block=500):
    """Mean Euclidean distance (N,) from rows `x` (N, D) to the nearest `neighbours` rows of `bank` (M, D).

    With `itself`, the nearest row is skipped: rows of `bank` would find themselves.
    """
    # The squares cancel: in single precision, small distances would be rounding errors.
    bank = bank.astype(np.float64, copy=False)
    norms, found = np.sum(np.square(bank), axis=1), []
    count = neighbours + itself
    for start in range(0, len(x), block):
        rows = x[start : start + block].astype(np.float64)
        squared = norms - 2 * rows @ bank.T + np.sum(np.square(rows), axis=1)[:, None]
        nearest = np.sort(np.partition(squared, count - 1, axis=1)[:, :count], axis=1)[:, int(itself) :]
        found.append(np.sqrt(np.maximum(nearest, 0)).mean(axis=1))
    return np.concatenate(found)


def spread(values):
    """A robust standard deviation of values (N,): 1.4826 times the median absolute deviation.

    If that is zero, the standard deviation, and if that is zero as well, 1.
    """
    absolute = _DEVIATIONS * float(np.median(np.abs(values - np.median(values))))
    return absolute or float(values.std()) or 1.0
