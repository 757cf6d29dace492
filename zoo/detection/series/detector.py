"""An outlier detector for time series, in the manner of scikit-learn, that can follow a series and learn from it."""

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from zoo.detection.series.bounds import Bounds
from zoo.detection.series.scorer import SeriesScorer, check_series_model
from zoo.detection.series.stream import OUTSIDE, calibration
from zoo.detection.series.surprise import Surprise
from zoo.detection.series.threshold import calibrate
from zoo.errors import ZooError
from zoo.modalities.series.series import fit as fit_series
from zoo.modalities.series.windows import windows
from zoo.models import registry
from zoo.models.base.autoencoder import Autoencoder
from zoo.optimizers.adam import Adam
from zoo.pretrained.loading import load, save
from zoo.utils.numbers import check_whole
from zoo.utils.seeding import seeded

# Number of the last steps of a followed series that the model is trained on.
_HISTORY = 50_000
# Fewest windows to train on, and steps to calibrate on.
_FEWEST = 8


class SeriesOutlierDetector(OutlierMixin, BaseEstimator):
    """A score at every step of a series, from an autoencoder that predicts the step from those before it.

    The model is trained to fill in the last step of a window, which is hidden, see `zoo.detection.series.SeriesScorer`. The score
    is the surprise of the recent prediction errors, see `zoo.detection.series.Surprise`, and larger by 20 where a value is out of
    the bounds of all values before. It depends on nothing of the future, unless `causal` is False.

    A series is an array (T,) or (T, channels), or a data frame, possibly with times, see `zoo.modalities.series.fit`; scores are
    those of its rows. A row without values has the score NaN, and is no outlier.

    Args:
        model: a variant to train, such as "ae" or "dae"; or what `zoo.load` accepts, or an `Autoencoder`, of the modality
            `Series`, which `fit` only calibrates.
        backbone: backbone of a variant to train: "mlp", "tcn", "gru", "lstm" or "vit".
        options: mapping of further arguments of `zoo.create`; by default those of a small network.
        length, normalization, seasons, time, rate: see `zoo.modalities.series.fit`.
        target: names of the channels whose errors count; by default all.
        causal: whether scores depend on nothing of the future; otherwise a step's error is that of its reconstruction from what
            lies before and after it, and `update` cannot be used.
        short: number of steps of the recent errors.
        half_life: number of steps after which `update` halves the weight of an error, so that it follows a series that changes;
            None for equal weights.
        margin: fraction of the range of all values before, by which a value must lie outside it to be out of bounds; None for no
            bounds.
        false_alarms: rate of false alarms, per normal step, that the threshold is calibrated for.
        calibration: fraction of the series, at its end, that scores are calibrated on; the model is trained on what is before,
            and then, for later series, on all.
        steps, batch_size, learning_rate: settings of the training with Adam.
        random_state: seed of initial weights, order and noise.

    Attributes:
        model_: the `Autoencoder`.
        threshold_: a `zoo.detection.series.threshold.Threshold`, which states its rate of false alarms.
        offset_: the threshold of `score_samples`, minus that of the scores; rows below it are outliers.
        loss_curve_: the mean loss of each tenth of the training.
    """

    def __init__(
        self,
        model="ae",
        *,
        backbone="mlp",
        options=None,
        length=32,
        normalization="window",
        seasons=(),
        time=None,
        rate=None,
        target=None,
        causal=True,
        short=8,
        half_life=None,
        margin=0.05,
        false_alarms=1e-3,
        calibration=0.3,
        steps=1000,
        batch_size=64,
        learning_rate=2e-3,
        random_state=None,
    ):
        self.model = model
        self.backbone = backbone
        self.options = options
        self.length = length
        self.normalization = normalization
        self.seasons = seasons
        self.time = time
        self.rate = rate
        self.target = target
        self.causal = causal
        self.short = short
        self.half_life = half_life
        self.margin = margin
        self.false_alarms = false_alarms
        self.calibration = calibration
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    # -- fitting

    def fit(self, X, y=None):
        """Train the model on a series that is normal, unless it is pretrained, and calibrate the scores; `y` is ignored.

        Raises:
            ZooError: if X is no series, or too short for the windows.
        """
        if not 0 < self.calibration < 1:
            raise ZooError(f"got calibration={self.calibration!r}, expected a fraction between 0 and 1.")
        check_whole(0, steps=self.steps)
        check_whole(1, short=self.short, batch_size=self.batch_size)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._random, self.loss_curve_ = np.random.default_rng(seed), []
        pretrained = isinstance(self.model, Autoencoder) or self.model not in registry.variants()
        if pretrained:
            self.model_ = self.model if isinstance(self.model, Autoencoder) else load(self.model)
            values, cut = check_series_model(self.model_).steps(X).values, 0
        else:
            series = self._series(X)
            values = series.steps(X).values
            cut = int(len(values) * (1 - self.calibration))
            self._check_length(len(values), cut)
            with seeded(seed):
                self._build(series)
                self._train(values[:cut], self.steps)
        self.scorer_ = SeriesScorer(self.model_, self.target)
        self._calibrate(values, cut)
        if not pretrained:
            with seeded(seed):
                self._train(values, self.steps // 2)
        self._history = values[-_HISTORY:]
        return self

    def _series(self, X):
        settings = dict(length=self.length, normalization=self.normalization, seasons=tuple(self.seasons))
        return fit_series(X, stride=max(1, self.length // 4), time=self.time, rate=self.rate, **settings)

    def _check_length(self, steps, cut):
        if cut - self.length + 1 < _FEWEST or steps - cut < _FEWEST:
            least = int(np.ceil(max((self.length + _FEWEST) / (1 - self.calibration), _FEWEST / self.calibration))) + 1
            raise ZooError(
                f"got a series of {steps} steps, expected at least {least} to train on windows of {self.length} steps and to "
                "calibrate on others; give a longer series or a smaller length."
            )

    def _build(self, series):
        """Set `model_`, untrained, for a `Series`; a model that was built for one of the same shape is used again."""
        options = self.options
        if options is None:
            options = {"hidden": (128,), "latent_dim": 32} if self.backbone == "mlp" else {"latent_dim": 32}
        shape = (
            self.model,
            self.backbone,
            repr(sorted(options.items())),
            self.learning_rate,
            series.data_shape(None),
            self.normalization,
        )
        if getattr(self, "_shape", None) != shape:
            self.model_ = registry.create(self.model, self.backbone, modality=series, **options)
            self.model_.compile(Adam(self.learning_rate))
            self.model_.optimizer.build(self.model_.trainable_variables)
            self._shape, self._initial = shape, [v.numpy() for v in (*self.model_.variables, *self.model_.optimizer.variables)]
            return
        for variable, value in zip((*self.model_.variables, *self.model_.optimizer.variables), self._initial):
            variable.assign(value)
        self.model_.modality.adopt(series)
        self.model_.config["modality"] = self.model_.modality.spec()

    def _train(self, values, steps):
        """Train on windows of raw values (S, channels): to fill in the hidden targets of the last step, as a masked autoencoder
        (He et al. 2022), if scores are causal, and otherwise to reconstruct the window."""
        series = self.model_.modality
        found = windows(series.with_seasons(values), series.length)
        target = [series.channels.index(name) for name in self.target or series.channels]
        losses = []
        for _ in range(steps):
            seen = found[self._random.integers(0, len(found), self.batch_size)]
            wanted = seen
            if self.causal:
                # What is missing in the target is no part of the loss, see `SeriesLoss`: only the hidden values are.
                seen, wanted = seen.copy(), np.full_like(seen, np.nan)
                wanted[:, -1, target], seen[:, -1, target] = seen[:, -1, target], np.nan
            losses.append(float(np.ravel(self.model_.train_on_batch(seen, wanted))[0]))
        self.loss_curve_ += [float(np.mean(part)) for part in np.array_split(losses, min(10, len(losses)))] if losses else []

    def _calibrate(self, values, cut):
        """Set the normal errors, the bounds and the threshold from raw values (S, channels); the model has not seen those from
        `cut` on."""
        errors = self._errors(values)
        self._surprise = Surprise(self.short, self.half_life).learn(errors[cut:])
        self._bounds = Bounds(len(self.scorer_.target), self.margin or 0.0)
        outside = self._bounds.outside(values[:, self.scorer_.target], learning=True)
        scores = self._surprise.fresh().score(errors)[cut:] + OUTSIDE * outside[cut:] * (self.margin is not None)
        self._surprise.score(errors[-self.short :])
        self.threshold_ = calibrate(scores, self.false_alarms)
        self.offset_ = -self.threshold_.value

    def _errors(self, values):
        self.scorer_.forget()
        return self.scorer_.errors(values) if self.causal else self.scorer_.whole(values)

    # -- use

    def score_samples(self, X):
        """Scores (T,) of the rows of a series of its own; lower is more anomalous, NaN for rows without values."""
        check_is_fitted(self)
        steps = self.model_.modality.steps(X)
        before = self.scorer_._before
        try:
            errors = self._errors(steps.values)
        finally:
            self.scorer_._before = before
        scores = self._surprise.fresh().score(errors)
        if self.margin is not None:
            scores = scores + OUTSIDE * self._bounds.outside(steps.values[:, self.scorer_.target])
        return -scores[steps.places]

    def decision_function(self, X):
        """`score_samples` minus `offset_`, (T,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """1 for inliers, -1 for outliers, integers (T,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def expected(self, X):
        """What the model expects of the rows of a series, (T, channels): of each target its prediction from the rows before, NaN
        for other channels; if not causal, the reconstruction of all."""
        check_is_fitted(self)
        series = self.model_.modality
        steps = series.steps(X)
        raw = SeriesScorer(self.model_, self.target).expected(steps.values, self.causal)
        return (raw + np.asarray(series.origins))[steps.places]

    def save(self, path):
        """Write the model with its calibration to a folder, by which `zoo score` gives these scores, also as rows come.

        Raises:
            ZooError: if scores are not causal, or the folder cannot be written.
        """
        check_is_fitted(self)
        if not self.causal:
            raise ZooError("got causal=False, with which scores depend on later rows; a saved detector scores rows as they come.")
        bounds = None if self.margin is None else self._bounds
        self.model_.modality.calibration = calibration(self.target, self._surprise, bounds, self.threshold_)
        self.model_.config["modality"] = self.model_.modality.spec()
        save(self.model_, path)

    def update(self, X, steps=0):
        """Scores (T,), as of `score_samples`, of the next rows of the series of `fit`, which the detector then learns from.

        Each row's score depends on rows before it only. Errors and values become part of what later scores are relative to, and
        `model_` is trained on the latest rows by so many `steps`. The threshold stays.
        """
        check_is_fitted(self)
        if not self.causal:
            raise ZooError("got causal=False, with which scores depend on later rows; a series cannot be followed.")
        values = self.model_.modality.steps(X).values
        scores = self._surprise.score(self.scorer_.errors(values), learning=True)
        if self.margin is not None:
            scores = scores + OUTSIDE * self._bounds.outside(values[:, self.scorer_.target], learning=True)
        self._history = np.concatenate([self._history, values])[-_HISTORY:]
        if steps:
            self._train(self._history, steps)
        return -scores
