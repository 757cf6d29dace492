"""Autoencoders as scikit-learn estimators: a transformer to features and an outlier detector. Requires the extra `sklearn`."""

import math
import numbers

import numpy as np

from zoo.utils.distributions import install_command

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OutlierMixin, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    needed = f"zoo.sklearn requires scikit-learn: {install_command(error.name)}"
    raise ModuleNotFoundError(needed, name=error.name) from error

from zoo.anomaly import COMBINED, AnomalyDetector, spread
from zoo.detection import files, training
from zoo.detection.series.detector import SeriesOutlierDetector  # noqa: F401, part of the public face
from zoo.errors import ZooError
from zoo.evaluation.probes import probe_features
from zoo.modalities.image import is_image_shape
from zoo.models import registry
from zoo.models.base.autoencoder import Autoencoder
from zoo.optimizers.adam import Adam
from zoo.pretrained.loading import load
from zoo.pretrained.resolve import is_model
from zoo.utils.seeding import seeded

# Fixed batch size: the rounding of a row's features must not depend on the number of rows given with it.
_BLOCK = 256
_EPOCHS = 20
# Number of training steps up to which compiling takes longer than running eagerly.
_FEW_STEPS = 200
# For contamination="auto": outliers are this many robust standard deviations below the median.
_OUTLYING = 3.0
# Other dtypes are converted to the first.
_DTYPES = [np.float64, np.float32, np.uint8]


class _AutoencoderEstimator(BaseEstimator):
    """Base of the estimators: a model that is pretrained or trained by `fit`."""

    def _start(self, X):
        """Set `model_`, pretrained or trained on the rows `X`; returns the rows as inputs of the model."""
        for left in ("mean_", "scale_", "origin_", "loss_curve_"):  # of an earlier fit
            self.__dict__.pop(left, None)
        pretrained = isinstance(self.model, Autoencoder) or _is_pretrained(self.model)
        if pretrained:
            self.model_ = self.model if isinstance(self.model, Autoencoder) else load(self.model)
        seed = self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        shape = self.model_.data_shape if pretrained else self.image_shape
        X = validate_data(self, X, dtype=_DTYPES, allow_nd=shape is not None and is_image_shape(shape))
        if pretrained:
            return self._rows(X)
        epochs = _EPOCHS if self.epochs is None else self.epochs
        if epochs < 0 or self.batch_size < 1:
            raise ZooError(f"got epochs={epochs} and batch_size={self.batch_size}, expected at least 0 and 1.")
        shape = tuple(self.image_shape or (self.n_features_in_,))
        with seeded(seed):
            self.model_ = self._fresh(shape)
            if self.image_shape is None:
                self.mean_ = X.mean(axis=0, dtype=np.float64)
                deviation = X.std(axis=0, dtype=np.float64)
                # Constant columns are not scaled, because that would amplify rounding errors.
                self.scale_ = np.where(deviation > 1e-9 * np.maximum(np.abs(self.mean_), 1e-30), deviation, 1.0)
            rows = self._rows(X)
            steps = epochs * math.ceil(len(rows) / self.batch_size)
            self.model_.compile(Adam(self.learning_rate), run_eagerly=steps <= _FEW_STEPS)
            history = self.model_.fit(rows, epochs=epochs, batch_size=self.batch_size, verbose=0).history
        self.loss_curve_ = history.get("loss", [])
        return rows

    def _fresh(self, shape):
        model = registry.create(self.model, self.backbone, input_shape=shape, **(self.options or {}))
        if self.image_shape is None and model.config.get("loss") == "bernoulli" and "loss" not in (self.options or {}):
            # The variant expects pixels as probabilities; columns of flat vectors are unbounded.
            return registry.create(self.model, self.backbone, input_shape=shape, loss="gaussian", **(self.options or {}))
        return model

    def _rows(self, X):
        """Validated `X` as images, or as standardized vectors."""
        shape = self.model_.data_shape
        if math.prod(X.shape[1:]) != math.prod(shape):
            raise ZooError(
                f"got rows of shape {X.shape[1:]}, expected images of shape {shape}, or flattened: {math.prod(shape)} numbers."
            )
        if hasattr(self, "mean_"):
            X = (X - self.mean_) / self.scale_
        rows = X.reshape(len(X), *shape)
        return rows if rows.dtype == np.uint8 and is_image_shape(shape) else rows.astype(np.float32)

    def _validated(self, X):
        """`X`, validated against the input of `fit`, as inputs of the model."""
        check_is_fitted(self)
        allow_nd = is_image_shape(self.model_.data_shape)
        return self._rows(validate_data(self, X, dtype=_DTYPES, reset=False, allow_nd=allow_nd))


class AutoencoderFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _AutoencoderEstimator):
    """Transformer from rows to the features of an autoencoder, pretrained or trained by `fit`.

    Rows are vectors (N, D) of any range, which are standardized, or, for pretrained image models or with `image_shape`, images:
    (N, height, width, channels) or flattened, uint8 0..255 or floats 0..1.

    Args:
        model: a variant to train, such as "ae" or "vae"; or what `zoo.load` accepts: a weight set, a public model, a folder,
            an address; or an `Autoencoder`, which `fit` does not change.
        backbone: backbone of a variant to train.
        image_shape: (height, width, channels) of rows that are images, for a variant to train; None for vectors.
        options: mapping of further arguments of `zoo.create`, such as {"latent_dim": 8}.
        layer, pool: depth and pooling of the features, see `Encoder.at`; by default the features of `encode`.
        epochs, batch_size, learning_rate: settings of the training with Adam.
        random_state: seed of initial weights, order, noise and likelihood estimates.

    Attributes:
        model_: the `Autoencoder`.
        loss_curve_: list of the loss of each epoch, if the model was trained.
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
        """Train the model on rows X (N, D), unless it is pretrained; `y` is ignored. Returns the estimator."""
        rows = self._start(X)
        self._n_features_out = self._features(rows[:1]).shape[1]
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def transform(self, X):
        """Features (N, F), float32, of rows X (N, D)."""
        return self._features(self._validated(X))

    def _features(self, rows):
        return _in_blocks(lambda x: probe_features(self.model_, x, self.layer, self.pool, _BLOCK), rows)


class AutoencoderOutlierDetector(OutlierMixin, _AutoencoderEstimator):
    """Outlier detector by autoencoders: errors of their predictions, and distances to the rows given to `fit`.

    By default for tables of numbers, with settings that need no tuning: a masked, denoising autoencoder of columns and distances
    to neighbours, combined without labels, see `zoo.detection.detector.TableDetector`. NaN is a missing value.

    Args:
        model: None for tables; or as for `AutoencoderFeatures`, which `by` and `neighbours` then belong to.
        backbone, image_shape, options, layer, pool: as for `AutoencoderFeatures`.
        by: "reconstruction", "likelihood", "knn" or "combined", see `zoo.anomaly.AnomalyDetector`.
        neighbours: number of nearest rows, for "knn"; at most the number of rows of `fit` minus 1.
        contamination: fraction of outliers among the rows of `fit`, above 0 and at most 0.5; or "auto": outliers are three
            robust standard deviations (from the median absolute deviation) below the median score of these rows.
        epochs: number of passes over the rows; None is 20 for a model, and depends on the number of rows for tables.
        batch_size, learning_rate: as for `AutoencoderFeatures`; for tables they have no effect.
        random_state: as for `AutoencoderFeatures`.

    Attributes:
        model_: the `Autoencoder`; for tables, the `TableDetector`.
        loss_curve_: list of the loss of each epoch, if the model was trained; for tables, of each step.
        offset_: threshold of `score_samples`; rows below it are outliers.
    """

    def __init__(
        self,
        model=None,
        *,
        backbone="mlp",
        image_shape=None,
        options=None,
        by=COMBINED,
        neighbours=5,
        contamination=0.1,
        layer=None,
        pool=None,
        epochs=None,
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.model is None
        return tags

    def fit(self, X, y=None):
        """Train the model on rows X (N, D), unless it is pretrained, and fit the threshold; `y` is ignored."""
        automatic = isinstance(self.contamination, str) and self.contamination == "auto"
        if not automatic and not (isinstance(self.contamination, numbers.Real) and 0 < self.contamination <= 0.5):
            raise ZooError(f"got contamination={self.contamination!r}, expected a fraction above 0 and at most 0.5, or 'auto'.")
        self.__dict__.pop("detector_", None)  # of an earlier fit
        rows = self._fit_table(X) if self.model is None else self._start(X)
        if len(rows) < 2:
            raise ZooError(f"got n_samples = {len(rows)}, expected at least 2 rows.")
        if self.model is not None:
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

    def _fit_table(self, X):
        """Fit the `TableDetector`; returns the rows that it was fitted to."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2)
        if self.epochs is not None and self.epochs < 0:
            raise ZooError(f"got epochs={self.epochs}, expected at least 0, or None.")
        self.origin_ = training.origins(X)
        rows = X - self.origin_
        with seeded(seed):
            self.model_, self.loss_curve_ = training.fit(rows, seed, self.epochs)
        return rows

    def _validated(self, X):
        if self.model is not None:
            return super()._validated(X)
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan") - self.origin_

    def score_samples(self, X):
        """Normality scores (N,) of rows X (N, D), the negative anomaly scores; lower is more anomalous."""
        return self._normality(self._validated(X))

    def decision_function(self, X):
        """`score_samples` minus `offset_`, (N,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """1 for inliers, -1 for outliers, integers (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X):
        """Which columns make rows anomalous: how much more surprising, in nats, each value is given the other columns of its row
        than such values usually are, (N, D); the higher, the more anomalous. A data frame if X is one.

        Raises:
            ZooError: if the detector uses a model of another kind, which does not predict single columns.
        """
        if self.model is not None:
            raise ZooError(f"got the model {self.model!r:.60}, but only the default detector (model=None) explains its scores.")
        found = self.model_.apply(self.model_.explanation, self._validated(X))
        return type(X)(found, index=X.index, columns=X.columns) if hasattr(X, "iloc") else found

    def save(self, path):
        """Save a fitted detector of tables to the folder `path`, for `load_detector`; without pickles.

        Raises:
            ZooError: if the detector uses a model of another kind, or the folder cannot be written.
        """
        check_is_fitted(self)
        if self.model is not None:
            raise ZooError(f"got a detector with the model {self.model!r:.60}; save that by zoo.save, or pickle the detector.")
        fitted = {name: getattr(self, name, None) for name in ("offset_", "n_features_in_")}
        fitted |= {"origin_": self.origin_.tolist(), "feature_names_in_": list(getattr(self, "feature_names_in_", ()))}
        files.save(path, self.model_, {"parameters": self.get_params(), "fitted": fitted})

    def export(self, path):
        """Write the scores of a fitted detector of tables as an ONNX graph: rows (N, D), float32, to anomaly scores (N,), those
        of `score_samples` with the opposite sign. Returns the largest difference from Keras.

        Raises:
            ZooError: if the detector uses a model of another kind, columns are too far from zero for float32, a package is
                missing, or the graph differs.
        """
        check_is_fitted(self)
        if self.model is not None:
            raise ZooError(f"got a detector with the model {self.model!r:.60}; export that by zoo.export.")
        if self.origin_.any():
            raise ZooError("columns of the table are too far from zero for float32; subtract their medians before fit.")
        from zoo.inference.export.writing import write

        return write(self.model_, path, "onnx", (self.n_features_in_,), "float32", ("rows", "scores"))

    def _normality(self, rows):
        if self.model is None:
            return -self.model_.apply(self.model_.call, rows).astype(np.float64)
        return -_in_blocks(lambda x: self.detector_.score(x, _BLOCK), rows)


def load_detector(path):
    """The fitted `AutoencoderOutlierDetector` that `save` wrote to the folder `path`.

    Raises:
        ZooError: if the folder was not written by `save`, or is damaged.
    """
    model, saved = files.load(path)
    made = AutoencoderOutlierDetector(**saved["parameters"])
    fitted = dict(saved["fitted"])
    names = fitted.pop("feature_names_in_")
    made.origin_ = np.array(fitted.pop("origin_"))
    for name, value in fitted.items():
        setattr(made, name, value)
    if names:
        made.feature_names_in_ = np.array(names, dtype=object)
    made.model_ = model
    return made


def _is_pretrained(model):
    """Whether a value denotes a pretrained model. The name of a variant does not, even if a folder has the same name."""
    return not isinstance(model, str) or (model not in {*registry.variants(), *registry.list_models()} and is_model(model))


def _in_blocks(function, rows):
    """`function` applied to blocks of `_BLOCK` rows; the last block is padded with copies of its last row."""
    found = []
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        found.append(function(np.concatenate([part, np.repeat(part[-1:], _BLOCK - len(part), axis=0)]))[: len(part)])
    return np.concatenate(found)
