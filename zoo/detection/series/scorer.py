"""Causal errors of a model at every step of a series, block by block, with constant memory."""

import numpy as np
from keras import ops

from zoo.errors import ZooError, suggest
from zoo.modalities.series.series import Series
from zoo.modalities.series.windows import merged, trailing, windows
from zoo.utils.batching import apply_in_batches

# Windows that are in memory at a time.
_BLOCK = 4096


class SeriesScorer:
    """The error of a model's prediction of each step from the steps before, as they come.

    The window that ends with a step is given to the model with the target channels of that step hidden, as if they were missing;
    the error is the root mean square, over the target channels that are not missing, of the difference between what the model
    fills in and what came, on the scale of the networks' inputs. So it depends on nothing of the future, and the model must
    predict what it did not see. The last `reach` steps are kept, and nothing else.

    Args:
        model: an `Autoencoder` of the modality `Series`.
        target: names of the channels whose errors count, by default all; the others are only seen.
        batch_size: number of windows per batch.

    Raises:
        ZooError: if the model is not one of series, or has no such channel.
    """

    def __init__(self, model, target=None, batch_size=256):
        self.modality = check_series_model(model)
        self.model, self.batch_size = model, batch_size
        names = self.modality.channels
        target = names if target is None else list(target)
        unknown = [name for name in target if name not in names]
        if unknown or not target:
            raise ZooError(f"got the target {target!r:.80}, expected channels of the series.{suggest(str(unknown[:1]), names)}")
        self.target = [names.index(name) for name in target]
        self.forget()

    def forget(self):
        """Start a new series: there are no steps before the next one."""
        self._before = np.full((self.modality.reach, len(self.modality.channels)), np.nan, np.float32)

    def errors(self, values):
        """Errors (S,), float64, of the next steps, raw values (S, channels), see `Series.raw`; NaN where targets are missing."""
        if not len(values):
            return np.zeros(0)
        both = np.concatenate([self._before, values])
        self._before = both[len(both) - len(self._before) :]
        seen = self.modality.with_seasons(both)[max(self.modality.seasons, default=0) :]
        found = windows(seen, self.modality.length)
        blocks = [self._errors(found[start : start + _BLOCK]) for start in range(0, len(found), _BLOCK)]
        return np.concatenate(blocks)

    def expected(self, values, causal=True):
        """What the model fills in for each step of a series, raw values (S, channels): of its target channels from the steps
        before, NaN for the others; or, if not `causal`, of all channels from before and after."""
        series = self.modality
        if not causal:
            found = np.ascontiguousarray(windows(series.with_seasons(values), series.length, series.stride))
            made = apply_in_batches(self.model, self.model._reconstruct, found, self.batch_size)
            return merged(made[..., : values.shape[1]], len(values), series.stride)
        found = trailing(series.with_seasons(values), series.length)
        blocks = [np.ascontiguousarray(found[start : start + _BLOCK]) for start in range(0, len(found), _BLOCK)]
        made = np.concatenate([apply_in_batches(self.model, self._filled, block, self.batch_size) for block in blocks])
        others = [i for i in range(values.shape[1]) if i not in self.target]
        made[:, others] = np.nan  # the model sees them, and is not trained to fill them in
        return made[:, : values.shape[1]]

    def _filled(self, x):
        return self.model._reconstruct(self._hidden(x))[:, -1]

    def whole(self, values):
        """Errors (S,) of all steps of a series, raw values (S, channels), by what lies before and after them.

        No step is hidden; the error is the mean over the windows that contain the step. Steps before are forgotten.
        """
        series = self.modality
        found = np.ascontiguousarray(windows(series.with_seasons(values), series.length, series.stride))
        errors = np.square(apply_in_batches(self.model, self._differences, found, self.batch_size)[..., self.target])
        known = np.isfinite(values[:, self.target])
        total = merged(errors.sum(axis=-1), len(values), series.stride)
        return np.where(known.any(axis=1), np.sqrt(total / np.maximum(known.sum(axis=1), 1)), np.nan)

    def _differences(self, x):
        scaling = self.modality.layer
        values, known = scaling.scaled(x, x)
        return (scaling.scaled(self.model._reconstruct(x), x)[0] - values) * known

    def _errors(self, found):
        errors = apply_in_batches(self.model, self._compared, np.ascontiguousarray(found), self.batch_size)
        known = np.isfinite(found[:, -1, self.target])
        with np.errstate(invalid="ignore"):
            total = np.square(errors[:, self.target]).sum(axis=1) / known.sum(axis=1)
        return np.where(known.any(axis=1), np.sqrt(total.astype(np.float64)), np.nan)

    def _compared(self, x):
        """In a graph, the error (N, C) of the last step of windows (N, length, C), 0 where it is missing."""
        scaling = self.modality.layer
        filled = scaling.scaled(self.model._reconstruct(self._hidden(x)), x)[0]
        values, known = scaling.scaled(x, x)
        return ((filled - values) * known)[:, -1]

    def _hidden(self, x):
        hidden = np.zeros((self.modality.length, self.modality.width), bool)
        hidden[-1, self.target] = True
        return ops.where(hidden, ops.full_like(x, np.nan), x)


def check_series_model(model):
    """The modality of a model. Raises ZooError unless it is `Series`."""
    modality = getattr(model, "modality", None)
    if not isinstance(modality, Series):
        raise ZooError(
            f"{model.name} is not a model of series; create one with zoo.create(..., modality=zoo.modalities.series.fit(x))."
        )
    return modality
