"""Running moments of what passes through: the Gaussian that fits the codes of late."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.state import add_state


class RunningMoments(keras.layers.Layer):
    """Mean and covariance of rows (N, D), kept as weights in float32.

    Over the first `window` rows they are the exact moments (with N, not N - 1) of all of them, whatever the batches' sizes;
    from then on every batch counts as its share of `window` rows and what is older fades exponentially, so that codes of an
    encoder that has changed since are forgotten.

    Args:
        units: D.
        window: rows.
    """

    def __init__(self, units, window=50_000, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.window = window

    def build(self, input_shape=None):
        self.seen = add_state(self, "seen")
        self.mean = add_state(self, "mean", (self.units,))
        self.covariance = add_state(self, "covariance", (self.units, self.units))
        self.built = True

    def update(self, rows):
        """Take rows (N, D) in; no gradient comes back."""
        rows = ops.stop_gradient(ops.cast(rows, "float32"))
        count = ops.cast(ops.shape(rows)[0], "float32")
        seen = ops.minimum(ops.convert_to_tensor(self.seen) + count, ops.maximum(count, float(self.window)))
        share = count / seen
        mean = ops.mean(rows, axis=0)
        centred = rows - mean
        within = ops.matmul(ops.transpose(centred), centred) / count
        shift = mean - ops.convert_to_tensor(self.mean)
        # The pooled covariance of two groups: that within them, and that between their means.
        between = share * (1 - share) * ops.outer(shift, shift)
        self.covariance.assign((1 - share) * ops.convert_to_tensor(self.covariance) + share * within + between)
        self.mean.assign_add(share * shift)
        self.seen.assign(seen)

    def draw(self, n, seed):
        """`n` draws (n, D) from the Gaussian of these moments, float32 numpy."""
        if not float(ops.convert_to_numpy(self.seen)):
            raise ZooError("this model has seen no codes yet, and its prior is fitted to them; train it before sampling.")
        mean, covariance = (ops.convert_to_numpy(v).astype(np.float64) for v in (self.mean, self.covariance))
        values, vectors = np.linalg.eigh(covariance)
        noise = np.random.default_rng(seed).standard_normal((n, self.units))
        return (mean + (noise * np.sqrt(np.maximum(values, 0))) @ vectors.T).astype(np.float32)
