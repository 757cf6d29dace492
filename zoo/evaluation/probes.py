"""Linear and nearest-neighbor probes: the accuracy of classifiers on frozen features."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.softmax_regression import SoftmaxRegression, curvature_bound, predict
from zoo.modalities.image import unit_array
from zoo.utils.batching import apply_in_batches

# From strong to weak: each fit starts at the previous solution, and fits with a weak penalty are the slow ones.
WEIGHT_DECAYS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
_HELD_OUT = 0.1
_MOST_FEATURES = 8192
_GRIDS = (8, 4, 2, 1)
_QUARTERS = 2


def probe_features(model, images, layer=None, pool=None, batch_size=256):
    """Features (N, D), float32, of images (N, *input_shape) at a depth of `model.encoder`, see `Encoder.at`."""
    extractor = model.encoder.at(layer or "code", pool)
    return apply_in_batches(extractor, extractor.call, model.modality.check(images, model.data_shape), batch_size)


def linear_probe(train_x, train_y, test_x, test_y, seed=0, mirrored=None, adam_epochs=0):
    """A linear classifier on frozen features.

    The protocol is `make_pipeline(StandardScaler(), LogisticRegression(C=C))` of scikit-learn, fitted to convergence. `C` is
    selected by validation: `C = 1 / (λ N)` corresponds to the mean cross-entropy of N rows with the penalty ½ λ ||W||². For each
    λ of `WEIGHT_DECAYS`, from strong to weak, the classifier is fitted to all but the last tenth of the training set, which is
    shuffled with `seed`; the λ with the highest accuracy on that tenth is selected (the larger one if several are equal; the
    search ends after two values that are worse than the best). The classifier is then fitted to the whole training set and
    evaluated on the test set once. Features that are constant over the training set are omitted; their standardized values
    would be zero.

    Args:
        train_x, test_x: features (N, D), floats.
        train_y, test_y: classes (N,), integers.
        seed: of the shuffle.
        mirrored: features (N, D) of the training images flipped left to right, which are used for training only.
        adam_epochs: number of epochs to train a second classifier with Adam, on the same standardized features, which shows
            what an ordinary optimizer reaches if the features are badly conditioned; 0 for none.

    Returns:
        A mapping: `accuracy` and `error` on the test set, as fractions; `weight_decay`, the selected λ, and `C`, the same for
        scikit-learn; `validation_accuracy` with this λ; `features`, the number of features in use; with `adam_epochs` also
        `adam_accuracy`, the accuracy of the classifier trained with Adam.

    Raises:
        ZooError: if the features do not match the classes or are not finite, if there is a single class, or if all features are
            constant.
    """
    _check(train_x, train_y, test_x, test_y)
    if mirrored is not None and mirrored.shape != train_x.shape:
        raise ZooError(
            f"got mirrored features of shape {mirrored.shape}, expected {train_x.shape}, those of the training images."
        )
    fit = _Search(train_x, train_y, seed, mirrored)
    if not fit.alive.any():
        raise ZooError("all features are constant over the training set, so a probe cannot be fitted.")
    regression, w = fit.refit()
    test = fit.standardize(test_x)
    accuracy = float(np.mean(fit.labels[predict(test, w)] == test_y))
    found = {
        "accuracy": accuracy,
        "error": 1 - accuracy,
        "weight_decay": fit.weight_decay,
        "C": 1 / (fit.weight_decay * len(fit.x)),
        "validation_accuracy": fit.accuracy,
        "features": int(fit.alive.sum()),
    }
    if adam_epochs:
        w = regression.fit_by_adam(adam_epochs, seed)
        found["adam_accuracy"] = float(np.mean(fit.labels[predict(test, w)] == test_y))
    return found


class _Search:
    """Search for the weight decay with the highest accuracy on the held-out tenth of the training set."""

    def __init__(self, x, y, seed, mirrored=None):
        self.labels, y = np.unique(y, return_inverse=True)
        if len(self.labels) < 2:
            raise ZooError(f"got labels of a single class ({self.labels[0]}), expected two classes or more for a linear probe.")
        order = np.random.default_rng(seed).permutation(len(x))
        self.mean, self.deviation = _moments(x)
        self.alive = self.deviation > _rounding(self.mean, self.deviation)
        versions = [x] if mirrored is None else [x, mirrored]
        # The versions of an image are adjacent, so that none is used for training while another is held out.
        self.x = np.empty((len(versions) * len(x), int(self.alive.sum())), np.float32)
        for i, version in enumerate(versions):
            self.standardize(version, order, out=self.x[i :: len(versions)])
        self.y = np.repeat(y[order], len(versions))
        count = len(versions) * (len(x) - max(1, int(_HELD_OUT * len(x))))
        held_x, held_y = self.x[count :: len(versions)], self.y[count :: len(versions)]
        self.bound = curvature_bound(self.x)
        regression = SoftmaxRegression(self.x[:count], self.y[:count], len(self.labels), bound=self.bound)
        self.accuracy, w, worse = -1.0, None, 0
        for weight_decay in WEIGHT_DECAYS:
            w = regression.fit(weight_decay, start=w, tolerance=1e-3)
            accuracy = float(np.mean(predict(held_x, w) == held_y))
            if accuracy > self.accuracy:
                self.accuracy, self.weight_decay, self.w, worse = accuracy, weight_decay, w, 0
            elif accuracy < self.accuracy:
                worse += 1
                if worse == 2:
                    break

    def refit(self):
        regression = SoftmaxRegression(self.x, self.y, len(self.labels), bound=self.bound)
        return regression, regression.fit(self.weight_decay, start=self.w, tolerance=1e-5)

    def standardize(self, x, order=None, out=None, block=1000):
        """Standardized rows, all or those of `order`, in a new array or in `out`."""
        order = np.arange(len(x)) if order is None else order
        made = np.empty((len(order), int(self.alive.sum())), np.float32) if out is None else out
        for i in range(0, len(order), block):
            rows = x[order[i : i + block]]
            made[i : i + block] = (rows[:, self.alive] - self.mean[self.alive]) / self.deviation[self.alive]
        return made


def _rounding(mean, deviation):
    """The deviation (D,) that a constant feature may have by rounding, relative to its own size and to the other deviations.

    It is relative to their median, not to the largest one: features of very different scales may all be informative.
    """
    moving = deviation[deviation > 0]
    return 1e-6 * np.maximum(np.abs(mean), np.median(moving) if len(moving) else 0)


def _moments(x, block=1000):
    """Mean and standard deviation (D,) of the columns, float32, summed in float64 without a float64 copy of `x`."""
    blocks = range(0, len(x), block)
    mean = sum(x[i : i + block].sum(axis=0, dtype=np.float64) for i in blocks) / len(x)
    variance = sum(np.square(x[i : i + block] - mean).sum(axis=0) for i in blocks) / len(x)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def knn_probe(train_x, train_y, test_x, test_y, k=20, block=500):
    """A k-nearest-neighbor classifier on frozen features.

    The protocol: cosine similarity of the features, which are not standardized; the `k` nearest training features vote for
    their class, weighted by similarity (negative similarities have weight 0); of classes with equal votes, the lower label is
    chosen.

    Args:
        train_x, test_x: features (N, D), floats.
        train_y, test_y: classes (N,), integers.
        k: number of neighbors.
        block: number of test features compared at a time; the memory use is proportional to it.

    Returns:
        A mapping: `accuracy` and `error` on the test set, as fractions; `k`.

    Raises:
        ZooError: if the features do not match the classes or are not finite, or there are fewer than `k`.
    """
    _check(train_x, train_y, test_x, test_y)
    if not 1 <= k <= len(train_x):
        raise ZooError(f"got k={k}, expected between 1 and the {len(train_x)} training features.")
    labels, classes = np.unique(train_y, return_inverse=True)
    train = _unit_length(train_x).T
    right = 0
    for start in range(0, len(test_x), block):
        similarity = _unit_length(test_x[start : start + block]) @ train
        nearest = np.argpartition(similarity, -k, axis=1)[:, -k:]
        votes = np.zeros((len(similarity), len(labels)))
        rows = np.arange(len(similarity))[:, None]
        np.add.at(votes, (rows, classes[nearest]), np.maximum(similarity[rows, nearest], 0))
        right += int(np.sum(labels[np.argmax(votes, axis=1)] == test_y[start : start + block]))
    accuracy = right / len(test_x)
    return {"accuracy": accuracy, "error": 1 - accuracy, "k": k}


def _unit_length(x):
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def candidates(model, images):
    """(layer, pool) of each depth of the encoder, with the finest pooling that gives at most 8192 features.

    Feature maps are flattened if that fits, otherwise averaged over the largest grid of 8, 4, 2 or 1 regions per side that fits.
    For tokens that do not fit, the candidates are the means of the quarters of the image, the mean, and the first token.
    """
    found = []
    for layer in model.encoder.feature_layers:
        flat = probe_features(model, images[:1], layer).shape[1]
        if layer == "code" or flat <= _MOST_FEATURES:
            found.append((layer, None))
            continue
        channels = probe_features(model, images[:1], layer, "mean").shape[1]
        if len(model.encoder.backbone.until(unit_array(images[:1]), layer).shape) == 3:
            quarters = [(layer, _QUARTERS)] if len(model.data_shape) == 3 else []
            found += [*quarters, (layer, "mean"), (layer, "token")]
            continue
        fits = [grid for grid in _GRIDS if grid * grid * channels <= _MOST_FEATURES and grid * grid * channels <= flat]
        found.append((layer, fits[0] if fits else "mean"))
    return found


def best_feature_layer(model, train_images, train_labels, seed=0, n=10_000, progress=None):
    """The (layer, pool) whose features have the most accurate linear classifier, on held-out training images.

    The protocol: `n` training images are sampled with `seed`, and the search of `linear_probe` is run for each of the
    `candidates`. The depth with the highest accuracy on the held-out tenth is returned, the deeper one if several are equal.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(train_images))[:n])
    images, labels = train_images[chosen], train_labels[chosen]
    best = (-1.0, None, None)
    for layer, pool in candidates(model, images):
        accuracy = _Search(probe_features(model, images, layer, pool), labels, seed).accuracy
        if progress:
            progress(f"  {layer}, pool {pool}: held-out accuracy {accuracy:.4f}")
        if accuracy >= best[0]:
            best = (accuracy, layer, pool)
    return best[1:]


def _check(train_x, train_y, test_x, test_y):
    for what, x, y in (("training", train_x, train_y), ("test", test_x, test_y)):
        if np.ndim(x) != 2 or np.ndim(y) != 1 or len(x) != len(y) or len(x) < 2:
            raise ZooError(
                f"got {what} features of shape {np.shape(x)} and labels of shape {np.shape(y)}, expected (N, D) and (N,), N >= 2."
            )
        if not np.isfinite(x).all():
            raise ZooError(
                f"got {what} features with NaN or infinite values, expected finite numbers; check the images and the model."
            )
    if train_x.shape[1] != test_x.shape[1]:
        raise ZooError(f"got {train_x.shape[1]} training and {test_x.shape[1]} test features, expected the same number.")
