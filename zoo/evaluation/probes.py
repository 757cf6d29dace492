"""What frozen features know of the classes: linear and nearest-neighbour probes."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.softmax_regression import SoftmaxRegression, predict
from zoo.modalities.image import check_images, unit_array
from zoo.utils.batching import apply_in_batches

# Strong to weak: every fit starts where the one before ended, and little decay is the slow end.
WEIGHT_DECAYS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
_HELD_OUT = 0.1
_MOST_FEATURES = 8192
_GRIDS = (8, 4, 2, 1)
_QUARTERS = 2


def probe_features(model, images, layer=None, pool=None, batch_size=256):
    """Features (N, D), float32, of images (N, *input_shape) at a depth of `model.encoder`: see `Encoder.at`."""
    extractor = model.encoder.at(layer or "code", pool)
    return apply_in_batches(extractor, extractor.call, check_images(images, model.data_shape), batch_size)


def linear_probe(train_x, train_y, test_x, test_y, seed=0, mirrored=None, adam_epochs=0):
    """A linear classifier on frozen features.

    The protocol, in scikit-learn's words: `make_pipeline(StandardScaler(), LogisticRegression(C=C))`, fitted to convergence.
    `C` is chosen: with the penalty ½ λ ||W||² beside the mean cross-entropy of N rows, `C = 1 / (λ N)`, a fit for each λ from
    `WEIGHT_DECAYS`, from strong to weak, on all but the last tenth of the training set after a shuffle with `seed`; the λ
    with the highest accuracy on that tenth is kept (the stronger of equals; the search ends after two that are worse than
    the best). The classifier is fitted again on the whole training set and meets the test set once. Features that are
    constant over the training set are left out, as their standardized values of zero would be.

    Args:
        train_x, test_x: features (N, D), floats.
        train_y, test_y: classes (N,), integers.
        seed: of the shuffle.
        mirrored: features (N, D) of the training images flipped left to right, to train on as well; they are never held out.
        adam_epochs: epochs of Adam to train a second classifier by, on the same standardized features: what an ordinary
            optimizer reaches where features are badly conditioned; 0 for none.

    Returns:
        A mapping: `accuracy` and `error` on the test set, shares; `weight_decay`, the λ chosen, and `C`, the same for
        scikit-learn; `validation_accuracy`, of that choice; `features`, the number in use; with `adam_epochs` also
        `adam_accuracy`, the share by Adam.

    Raises:
        ZooError: on features that do not fit their classes or are not finite, one class only, or none that varies.
    """
    _check(train_x, train_y, test_x, test_y)
    if mirrored is not None and mirrored.shape != train_x.shape:
        raise ZooError(
            f"got mirrored features of shape {mirrored.shape}, expected {train_x.shape}, those of the training images."
        )
    fit = _Search(train_x, train_y, seed, mirrored)
    if not fit.alive.any():
        raise ZooError("got features that are constant over the training set; nothing can be read from them.")
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
    """The weight decay that does best on the held-out tenth of the training set."""

    def __init__(self, x, y, seed, mirrored=None):
        self.labels, y = np.unique(y, return_inverse=True)
        if len(self.labels) < 2:
            raise ZooError(f"got labels of one class only ({self.labels[0]}), expected two classes or more for a linear probe.")
        order = np.random.default_rng(seed).permutation(len(x))
        self.mean, self.deviation = _moments(x)
        self.alive = self.deviation > _rounding(self.mean, self.deviation)
        versions = [x] if mirrored is None else [x, mirrored]
        # Those of one image side by side, so that none is trained on while another is held out.
        self.x = np.empty((len(versions) * len(x), int(self.alive.sum())), np.float32)
        for i, version in enumerate(versions):
            self.standardize(version, order, out=self.x[i :: len(versions)])
        self.y = np.repeat(y[order], len(versions))
        count = len(versions) * (len(x) - max(1, int(_HELD_OUT * len(x))))
        held_x, held_y = self.x[count :: len(versions)], self.y[count :: len(versions)]
        regression = SoftmaxRegression(self.x[:count], self.y[:count], len(self.labels))
        self.bound = regression.bound
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
        """Standardized rows, those of `order` or all, in one copy: a new one, or `out`."""
        order = np.arange(len(x)) if order is None else order
        made = np.empty((len(order), int(self.alive.sum())), np.float32) if out is None else out
        for i in range(0, len(order), block):
            rows = x[order[i : i + block]]
            made[i : i + block] = (rows[:, self.alive] - self.mean[self.alive]) / self.deviation[self.alive]
        return made


def _rounding(mean, deviation):
    """The deviation (D,) that a constant feature may have by rounding: by its own size, and by what the others usually have.

    The median of those, not the largest: beside a feature of millions one that moves by thousandths tells classes apart.
    """
    moving = deviation[deviation > 0]
    return 1e-6 * np.maximum(np.abs(mean), np.median(moving) if len(moving) else 0)


def _moments(x, block=1000):
    """Mean and standard deviation (D,) of the columns, float32, summed in float64 without a float64 copy of the whole."""
    blocks = range(0, len(x), block)
    mean = sum(x[i : i + block].sum(axis=0, dtype=np.float64) for i in blocks) / len(x)
    variance = sum(np.square(x[i : i + block] - mean).sum(axis=0) for i in blocks) / len(x)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def knn_probe(train_x, train_y, test_x, test_y, k=20, block=500):
    """The class of the nearest training features.

    The protocol: cosine similarity of the raw features; the `k` nearest vote for their class with their similarity (negative
    ones with nothing); of equal classes the lower label wins.

    Args:
        train_x, test_x: features (N, D), floats.
        train_y, test_y: classes (N,), integers.
        k: number of neighbours.
        block: test features compared at a time; memory goes with it.

    Returns:
        A mapping: `accuracy` and `error` on the test set, shares; `k`.

    Raises:
        ZooError: on features that do not fit their classes or are not finite, or fewer of them than `k`.
    """
    _check(train_x, train_y, test_x, test_y)
    if not 1 <= k <= len(train_x):
        raise ZooError(f"got k={k}, expected between 1 and the {len(train_x)} training features.")
    labels, classes = np.unique(train_y, return_inverse=True)
    train = _on_the_sphere(train_x).T
    right = 0
    for start in range(0, len(test_x), block):
        similarity = _on_the_sphere(test_x[start : start + block]) @ train
        nearest = np.argpartition(similarity, -k, axis=1)[:, -k:]
        votes = np.zeros((len(similarity), len(labels)))
        rows = np.arange(len(similarity))[:, None]
        np.add.at(votes, (rows, classes[nearest]), np.maximum(similarity[rows, nearest], 0))
        right += int(np.sum(labels[np.argmax(votes, axis=1)] == test_y[start : start + block]))
    accuracy = right / len(test_x)
    return {"accuracy": accuracy, "error": 1 - accuracy, "k": k}


def _on_the_sphere(x):
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def candidates(model, images):
    """(layer, pool) of every depth of the encoder that a probe may read, each with the finest pool of at most 8192 features.

    A depth's maps are flattened where that fits, else averaged over the largest grid of 8, 4, 2 or 1 regions a side that does;
    of tokens that do not fit, there are the means of an image's quarters, the mean and the first.
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
    """The (layer, pool) whose features a linear classifier reads best, judged on held-out training images alone.

    The protocol: `n` training images drawn with `seed`; at each of the `candidates` the search of `linear_probe`; the depth
    with the highest accuracy on the held-out tenth, the deeper of equals.
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
            raise ZooError(f"got {what} features that are NaN or infinite, expected numbers; look at the images and the model.")
    if train_x.shape[1] != test_x.shape[1]:
        raise ZooError(f"got {train_x.shape[1]} training and {test_x.shape[1]} test features, expected the same number.")
