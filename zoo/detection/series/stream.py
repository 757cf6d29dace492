"""Scores of a series as it comes, by a saved model, with constant memory."""

import numpy as np

from zoo.detection.series.bounds import Bounds
from zoo.detection.series.scorer import SeriesScorer, check_series_model
from zoo.detection.series.surprise import Surprise
from zoo.detection.series.threshold import Threshold
from zoo.modalities.series.files import StepReader

# What a value out of bounds adds to a score: as if its probability were 1e-20.
OUTSIDE = 20.0


def calibration(target, surprise, bounds, threshold):
    """What a detector found normal, as the plain data that `Series.calibration` holds.

    Args:
        target: names of the channels whose errors count, or None.
        surprise, bounds: a `Surprise` and, or None, the `Bounds`.
        threshold: a `Threshold`.
    """
    return {
        "target": None if target is None else list(target),
        "short": surprise.short,
        "decay": surprise.decay,
        "sums": surprise.sums.tolist(),
        "margin": None if bounds is None else bounds.margin,
        "low": [] if bounds is None else bounds.low.tolist(),
        "high": [] if bounds is None else bounds.high.tolist(),
        "threshold": list(vars(threshold).values()),
    }


class SeriesStream:
    """Scores of the rows of one series, in the order in which they come; higher is more anomalous.

    They are those of the `SeriesOutlierDetector` that saved the model. Those of a model without calibration are its errors, see
    `SeriesScorer`, and there is no threshold. They depend on nothing of the future, and the memory is constant.

    Args:
        model: an `Autoencoder` of the modality `Series`.
        batch_size: number of windows per batch.

    Attributes:
        threshold: a `Threshold`, or None.
    """

    def __init__(self, model, batch_size=256):
        series = check_series_model(model)
        known = series.calibration or {}
        self.scorer = SeriesScorer(model, known.get("target"), batch_size)
        self.reader, self.threshold, self.surprise, self.bounds = StepReader(series), None, None, None
        self._last = np.nan
        if known:
            self.threshold = Threshold(*known["threshold"])
            self.surprise = Surprise(known["short"])
            self.surprise.decay, self.surprise.sums = known["decay"], np.array(known["sums"])
            if known["margin"] is not None:
                self.bounds = Bounds(len(known["low"]), known["margin"])
                self.bounds.low, self.bounds.high = np.array(known["low"]), np.array(known["high"])

    def score(self, x):
        """Scores (T,) of the next rows `x`, an array (T, channels) or a data frame; NaN for rows without values.

        A row in the same step as the row before has its score.

        Raises:
            ZooError: if `x` is no series of the model, or a row is earlier than the one before.
        """
        values, places = self.reader.steps_of(x)
        scores = self.scorer.errors(values)
        if self.surprise is not None:
            scores = self.surprise.score(scores)
        if self.bounds is not None:
            scores = scores + OUTSIDE * self.bounds.outside(values[:, self.scorer.target])
        found = np.append(scores, self._last)[places]
        self._last = found[-1] if len(found) else self._last
        return found
