"""How strange an image is, to a model and to a set of normal images: higher is more anomalous."""

import numpy as np

from zoo.errors import ZooError, suggest
from zoo.evaluation.likelihood import has_likelihood, log_likelihood
from zoo.evaluation.probes import probe_features
from zoo.modalities.image import check_images
from zoo.utils.models import check_autoencoder

SCORES = ("reconstruction", "likelihood", "knn")
COMBINED = "combined"
_METRICS = ("euclidean", "cosine")

# Normal images on which a score's usual range is measured; more of them settle its median no better.
_CALIBRATED_ON = 5_000
# The median absolute deviation of a normal distribution, in standard deviations, is one over this.
_DEVIATIONS = 1.4826


class AnomalyDetector:
    """Scores by an autoencoder, and where the score needs them, by normal images.

    - `"reconstruction"`: the reconstruction loss of the image (An & Cho 2015 and before; Sakurada & Yairi 2014).
    - `"likelihood"`: -log p(x) in nats, by importance samples (Burda et al. 2016, arXiv:1509.00519); of a model of black and
      white pixels, grey ones count by their mean over binarizations.
    - `"knn"`: mean distance of the image's features to those of the nearest normal images (Ramaswamy et al. 2000): each
      feature in units of its standard deviation over these, or, with `metric="cosine"`, the features' directions alone.
    - `"combined"`: the mean of all that the model has, each calibrated first: less its median over the normal images, over
      its deviation there (1.4826 times the median absolute one), so that none wins by its unit.

    Args:
        model: an `Autoencoder`.
        by: one of the above.
        layer, pool: what features `"knn"` compares, see `Encoder.at`; by default what `encode` gives.
        neighbours: of an image, for `"knn"`.
        metric: "euclidean" or "cosine", for `"knn"`; the second overlooks how strong features are, such as an image's contrast.
        samples: importance samples an image, for `"likelihood"`.
        seed: of these samples, which are the same for every image: its score does not hang on what stands beside it.

    Raises:
        ZooError: on a score that is not there, or that this model has not.
    """

    def __init__(self, model, by=COMBINED, layer=None, pool=None, neighbours=5, samples=100, seed=0, metric="euclidean"):
        known = (*SCORES, COMBINED)
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
        """Remember normal images (N, *input_shape), best such as the model has not been trained on; returns the detector."""
        normal = check_images(normal, self.model.data_shape)
        if len(normal) <= self.neighbours:
            raise ZooError(f"got {len(normal)} normal images, expected more than the {self.neighbours} neighbours of each.")
        if "knn" in self.names:
            features = self._features(normal, batch_size)
            self._deviation = np.maximum(features.std(axis=0), 1e-6 * max(float(features.std()), 1e-30))
            # Double here, not in every call of `distance`: a stream is scored batch by batch.
            self._bank = self._scaled(features).astype(np.float64)
        if self.by == COMBINED:
            chosen = np.sort(np.random.default_rng(self.seed).permutation(len(normal))[:_CALIBRATED_ON])
            found = self._scores(normal[chosen], batch_size, itself=True)
            self._middle = {name: float(np.median(values)) for name, values in found.items()}
            self._spread = {name: spread(values) for name, values in found.items()}
        return self

    def score(self, x, batch_size=256):
        """Scores (N,), float64, of images (N, *input_shape); higher is more anomalous."""
        if self.needs_fit and self._bank is None:
            raise ZooError(f"the anomaly score {self.by!r} needs normal images to compare with; fit the detector to some first.")
        found = self._scores(x, batch_size)
        if self.by != COMBINED:
            return found[self.by]
        return np.mean([(v - self._middle[name]) / self._spread[name] for name, v in found.items()], axis=0)

    def _scores(self, x, batch_size, itself=False):
        """By name, in the order of `names`; `itself`: x is among the normal images, and no neighbour of its own."""
        measures = {
            "reconstruction": lambda: self.model.reconstruction_error(x, batch_size),
            "likelihood": lambda: -log_likelihood(self.model, x, self.samples, self.seed, alike=True),
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
    """Mean Euclidean distance (N,) from rows `x` (N, D) to the nearest of `bank` (M, D); `itself` leaves out one, the nearest."""
    # The squares cancel: in single precision near neighbours would be noise.
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
    """A robust standard deviation of values (N,): by the median absolute deviation, unless half of them and more are the same."""
    absolute = _DEVIATIONS * float(np.median(np.abs(values - np.median(values))))
    return absolute or float(values.std()) or 1.0
