"""Detection of planted defects by anomaly maps: area under the ROC curve over pixels and over images."""

import importlib.util

import numpy as np

from zoo.anomaly.maps import robust_maximum, smoothed
from zoo.anomaly.patches import PatchDetector
from zoo.errors import ZooError, suggest
from zoo.evaluation.defects import KINDS, plant
from zoo.evaluation.metrics.subject import rounded
from zoo.layers.math.pca import principal_components
from zoo.modalities.image import unit_array
from zoo.utils.distributions import missing_package
from zoo.utils.models import check_autoencoder
from zoo.utils.numbers import check_whole

_BY = ("reconstruction", "patches")
# Maximum number of training images to fit the baseline PCA to; more hardly change it.
_MOST = 10_000
# Default number of test images, if there are as many.
_TESTED = 400
# PCA has at most this fraction of the numbers of an image as components: with all of them, it has no error anywhere.
_LARGEST = 1 / 16


def _auroc(of):
    """The metric of "pixel" or "image"."""

    def metric(subject, *, by="reconstruction", n=None, normal=200, layers=None):
        if by not in _BY:
            raise ZooError(f"got by={by!r}, expected one of {', '.join(_BY)}.{suggest(str(by), _BY)}")
        if by == "reconstruction":
            check_autoencoder(subject.model, subject.model.name)
        check_whole(1, normal=normal)
        n = min(_TESTED, len(subject.test_images())) if n is None else n
        normal = min(normal, len(subject.train().images))
        trial = subject.once(("planted", n), lambda: Trial(subject.test_images(n), subject.seed))
        key = ("anomaly maps", by, n, normal, layers and tuple(layers))
        found = subject.once(key, lambda: _results(subject, trial, by, normal, layers))
        model_curves, *_ = found.values()
        words = f"area under the ROC curve of {'pixels' if of == 'pixel' else 'images, scored by their maps'}"
        return {
            "value": model_curves[of],
            "n": n,
            "protocol": f"{words}; a defect ({', '.join(KINDS)} in turn) is planted in the second half of the test images; map: "
            f"{_WORDS[by].format(normal=normal)}; PCA has {_components(subject.model)} components",
            "baselines": {name: rounded(curves[of]) for name, curves in found.items() if name != by},
            "parameters": {"n": n, "normal": normal},
            "tolerance": 0.005,
        }

    return metric


_WORDS = {
    "reconstruction": "squared error of the reconstruction, smoothed",
    "patches": "distance of the features to those of {normal} training images (PatchCore)",
}


class Trial:
    """Test images, in the second half of which defects are planted, and the curves that maps of them have.

    Args:
        images: (N, H, W, C), N at least 2.
        seed: of the defects.
    """

    def __init__(self, images, seed=0):
        half = len(images) // 2
        if not half:
            raise ZooError(f"got n={len(images)}, expected at least 2 images, half of which get a defect.")
        planted, masks = plant(images[half:], seed=seed)
        clean = np.round(unit_array(images[:half]) * 255).astype(np.uint8)
        self.images = np.concatenate([clean, planted])
        self.masks = np.concatenate([np.zeros((half, *images.shape[1:3]), bool), masks])
        # The kind of the defect of each image, by its number; -1 for none.
        self.kinds = np.concatenate([np.full(half, -1), np.arange(len(planted)) % len(KINDS)])

    def curves(self, maps, scores=None):
        """Mapping of "pixel" and "image" to the area under the ROC curve; scores (N,) are by default those of the maps."""
        from sklearn.metrics import roc_auc_score

        scores = robust_maximum(maps) if scores is None else scores
        return {"pixel": self._of_pixels(maps, slice(None)), "image": float(roc_auc_score(self.kinds >= 0, scores))}

    def curves_by_kind(self, maps):
        """Mapping of each kind of defect to the area under the curve, over the pixels of images without a defect or with this."""
        return {kind: self._of_pixels(maps, (self.kinds < 0) | (self.kinds == i)) for i, kind in enumerate(KINDS)}

    def _of_pixels(self, maps, some):
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(self.masks[some].ravel(), maps[some].ravel()))


def _results(subject, trial, by, normal, layers):
    """Mapping of method to the curves of its maps, the method `by` of the model first, then the baselines."""
    train = subject.train().images
    chosen = np.random.default_rng(subject.seed).permutation(len(train))

    def curves(model):
        if by == "reconstruction":
            return trial.curves(model.anomaly_map(trial.images))
        detector = PatchDetector(model, layers, seed=subject.seed).fit(train[np.sort(chosen[:normal])])
        return trial.curves(*detector.maps_and_scores(trial.images))

    found = {by: curves(subject.model)}
    rows = unit_array(trial.images).reshape(len(trial.images), -1)
    mean, components, _ = principal_components(train[np.sort(chosen[:_MOST])], _components(subject.model))
    for name, made in {"mean image": mean, "PCA map": (rows - mean) @ components.T @ components + mean}.items():
        error = np.square(rows - np.clip(made, 0, 1)).reshape(trial.images.shape).mean(axis=-1)
        found[name] = trial.curves(smoothed(error.astype(np.float32)))
    if "untrained" in subject.baseline_names():
        found["untrained map"] = curves(subject.untrained_model())
    return found


def _components(model):
    """Number of components of the baseline PCA: as many as the code has numbers, within a limit."""
    code = int(np.prod(model.encoder.bottleneck.code_shape))
    return min(code, max(1, int(_LARGEST * np.prod(model.data_shape))))


def _check_package(given, dataset):
    if importlib.util.find_spec("sklearn") is None:
        raise missing_package("the area under the ROC curve", "sklearn")


METRICS = {"pixel_auroc": _auroc("pixel"), "image_auroc": _auroc("image")}
CHECKS = dict.fromkeys(METRICS, _check_package)
