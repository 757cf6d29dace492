"""Autoencoders as scikit-learn estimators: features for a pipeline, and outliers. Needs the extra `sklearn`."""

import contextlib
import math
import numbers
import random

import keras
import numpy as np

from zoo.utils.distributions import install_command

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    needed = f"zoo.sklearn needs scikit-learn: {install_command(error.name)}"
    raise ModuleNotFoundError(needed, name=error.name) from error

from zoo.anomaly import COMBINED, AnomalyDetector, spread
from zoo.errors import ZooError
from zoo.evaluation.probes import probe_features
from zoo.modalities.image import is_image_shape
from zoo.models import registry
from zoo.models.base.autoencoder import Autoencoder
from zoo.optimizers.adam import Adam
from zoo.pretrained.loading import load
from zoo.pretrained.resolve import is_model
from zoo.utils.seeding import SEED_LOCK

# Rows at a time, always as many: a row's features must not depend, by rounding, on how many others are asked for with it.
_BLOCK = 256
# Steps below which compiling them takes longer than they do.
_FEW_STEPS = 200
# Robust standard deviations below the median at which an outlier begins, where no share of outliers is given.
_OUTLYING = 3.0
# Anything else becomes the first.
_DTYPES = [np.float64, np.float32, np.uint8]


class _AutoencoderEstimator(BaseEstimator):
    """What both have in common: a model that is pretrained, or is trained on what `fit` is given."""

    def _start(self, X):
        """The rows `X` as the model takes them, after `model_`, pretrained or trained on them, is there."""
        for left in ("mean_", "scale_", "loss_curve_"):  # by a fit before this one
            self.__dict__.pop(left, None)
        pretrained = isinstance(self.model, Autoencoder) or _is_pretrained(self.model)
        if pretrained:
            self.model_ = self.model if isinstance(self.model, Autoencoder) else load(self.model)
        seed = self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        shape = self.model_.data_shape if pretrained else self.image_shape
        X = validate_data(self, X, dtype=_DTYPES, allow_nd=shape is not None and is_image_shape(shape))
        if pretrained:
            return self._rows(X)
        if self.epochs < 0 or self.batch_size < 1:
            raise ZooError(f"got epochs={self.epochs} and batch_size={self.batch_size}, expected at least 0 and 1.")
        shape = tuple(self.image_shape or (self.n_features_in_,))
        with _seeded(seed):
            self.model_ = self._fresh(shape)
            if self.image_shape is None:
                self.mean_ = X.mean(axis=0, dtype=np.float64)
                deviation = X.std(axis=0, dtype=np.float64)
                # What does not vary is left where it is, not blown up by its rounding.
                self.scale_ = np.where(deviation > 1e-9 * np.maximum(np.abs(self.mean_), 1e-30), deviation, 1.0)
            rows = self._rows(X)
            steps = self.epochs * math.ceil(len(rows) / self.batch_size)
            self.model_.compile(Adam(self.learning_rate), run_eagerly=steps <= _FEW_STEPS)
            history = self.model_.fit(rows, epochs=self.epochs, batch_size=self.batch_size, verbose=0).history
        self.loss_curve_ = history.get("loss", [])
        return rows

    def _fresh(self, shape):
        model = registry.create(self.model, self.backbone, input_shape=shape, **(self.options or {}))
        if self.image_shape is None and model.config.get("loss") == "bernoulli" and "loss" not in (self.options or {}):
            # What the variant takes for the probabilities of pixels are numbers of any size here.
            return registry.create(self.model, self.backbone, input_shape=shape, loss="gaussian", **(self.options or {}))
        return model

    def _rows(self, X):
        """Validated `X` as images, or as standardized vectors where they are not images."""
        shape = self.model_.data_shape
        if math.prod(X.shape[1:]) != math.prod(shape):
            raise ZooError(
                f"got rows of shape {X.shape[1:]}, expected images {shape} or the {math.prod(shape)} numbers of one, flattened."
            )
        if hasattr(self, "mean_"):
            X = (X - self.mean_) / self.scale_
        rows = X.reshape(len(X), *shape)
        return rows if rows.dtype == np.uint8 and is_image_shape(shape) else rows.astype(np.float32)

    def _asked(self, X):
        """`X`, checked against what `fit` was given, as the model takes it."""
        check_is_fitted(self)
        allow_nd = is_image_shape(self.model_.data_shape)
        return self._rows(validate_data(self, X, dtype=_DTYPES, reset=False, allow_nd=allow_nd))


class AutoencoderFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _AutoencoderEstimator):
    """Rows to the features of an autoencoder: a pretrained one, or one trained on the rows that `fit` is given.

    Rows are flat vectors of any range, which are standardized, or images: (N, height, width, channels) or flattened, uint8
    0..255 or floats 0..1, for a pretrained model of images or where `image_shape` says so.

    Args:
        model: a variant to train, such as "ae" or "vae"; or what `zoo.load` takes: a weight set, a public model, a folder, an
            address; or an `Autoencoder`, which `fit` leaves as it is.
        backbone: of a variant to train.
        image_shape: (height, width, channels) of the images that rows are, for a variant to train; None for flat vectors.
        options: mapping of what else `zoo.create` takes, such as {"latent_dim": 8}.
        layer, pool: a depth of the encoder, see `Encoder.at`; by default what `encode` gives.
        epochs, batch_size, learning_rate: of the training, by Adam.
        random_state: of initial weights, order and noise, that of likelihoods included.

    Attributes:
        model_: the `Autoencoder`.
        loss_curve_: loss of every epoch, where it was trained.
    """

    def __init__(
        self,
        model="ae",
        *,
        backbone="mlp",
        image_shape=None,
        options=None,
        layer=None,
        pool=None,
        epochs=20,
        batch_size=64,
        learning_rate=1e-3,
        random_state=None,
    ):
        self.model = model
        self.backbone = backbone
        self.image_shape = image_shape
        self.options = options
        self.layer = layer
        self.pool = pool
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X, y=None):
        """Train the model on rows X (N, D), unless it is pretrained; `y` is not looked at. Returns the estimator."""
        rows = self._start(X)
        self._n_features_out = self._features(rows[:1]).shape[1]
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def transform(self, X):
        """Features (N, F), float32, of rows X (N, D)."""
        return self._features(self._asked(X))

    def _features(self, rows):
        return _in_blocks(lambda x: probe_features(self.model_, x, self.layer, self.pool, _BLOCK), rows)


class AutoencoderOutlierDetector(OutlierMixin, _AutoencoderEstimator):
    """Outliers by what an autoencoder makes of a row, and by how far its features lie from those of the rows of `fit`.

    Args:
        model, backbone, image_shape, options, layer, pool, epochs, batch_size, learning_rate, random_state: as for
            `AutoencoderFeatures`.
        by: "reconstruction", "likelihood", "knn" or "combined", see `zoo.anomaly.AnomalyDetector`.
        neighbours: of a row, for "knn"; fewer where `fit` is given fewer.
        contamination: share of the rows of `fit` that are outliers, 0 to 0.5; or "auto": an outlier is what scores three
            standard deviations below the median of these rows, both estimated robustly (by the median absolute deviation).

    Attributes:
        model_, loss_curve_: as for `AutoencoderFeatures`.
        offset_: the score below which a row is an outlier.
    """

    def __init__(
        self,
        model="ae",
        *,
        backbone="mlp",
        image_shape=None,
        options=None,
        by=COMBINED,
        neighbours=5,
        contamination=0.1,
        layer=None,
        pool=None,
        epochs=20,
        batch_size=64,
        learning_rate=1e-3,
        random_state=None,
    ):
        self.model = model
        self.backbone = backbone
        self.image_shape = image_shape
        self.options = options
        self.by = by
        self.neighbours = neighbours
        self.contamination = contamination
        self.layer = layer
        self.pool = pool
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X, y=None):
        """Train the model on rows X (N, D), unless it is pretrained, and learn what is usual; `y` is not looked at."""
        automatic = isinstance(self.contamination, str) and self.contamination == "auto"
        if not automatic and not (isinstance(self.contamination, numbers.Real) and 0 < self.contamination <= 0.5):
            raise ZooError(f"got contamination={self.contamination!r}, expected a share above 0 and up to 0.5, or 'auto'.")
        rows = self._start(X)
        if len(rows) < 2:
            raise ZooError(f"got n_samples = {len(rows)}, expected 2 rows or more to know what is usual.")
        neighbours = min(self.neighbours, len(rows) - 1)
        self.detector_ = AnomalyDetector(self.model_, self.by, self.layer, self.pool, neighbours, seed=self._seed)
        if self.detector_.needs_fit:
            self.detector_.fit(rows, _BLOCK)
        normality = self._normality(rows)
        if automatic:
            self.offset_ = float(np.median(normality)) - _OUTLYING * spread(normality)
        else:
            self.offset_ = float(np.percentile(normality, 100 * self.contamination))
        return self

    def score_samples(self, X):
        """How usual rows X (N, D) are: (N,), the lower the stranger."""
        return self._normality(self._asked(X))

    def decision_function(self, X):
        """`score_samples` less `offset_`: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """1 for what is usual, -1 for outliers: (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _normality(self, rows):
        return -_in_blocks(lambda x: self.detector_.score(x, _BLOCK), rows)


def _is_pretrained(model):
    """Whether a name or path is of a pretrained model; the name of a variant never is, whatever a folder is called."""
    return not isinstance(model, str) or (model not in {*registry.variants(), *registry.list_models()} and is_model(model))


def _in_blocks(function, rows):
    """`function` of `_BLOCK` rows at a time, the last ones filled up by rows that are there."""
    found = []
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        found.append(function(np.concatenate([part, np.repeat(part[-1:], _BLOCK - len(part), axis=0)]))[: len(part)])
    return np.concatenate(found)


@contextlib.contextmanager
def _seeded(seed):
    """Keras's draws, from `seed`, whatever other threads do; Python's and numpy's own go on afterwards as they were."""
    with SEED_LOCK:
        before = random.getstate(), np.random.get_state()
        try:
            keras.utils.set_random_seed(seed)
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
