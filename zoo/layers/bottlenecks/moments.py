"""Running mean and covariance of the codes."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.state import add_state


class RunningMoments(keras.layers.Layer):
    """Running mean and covariance of rows (N, D), stored as weights in float32.

    Over the first `window` rows they are the exact moments of all rows (normalized by N, not N - 1), for any batch sizes. After
    that, a batch of n rows has the weight n / `window`, and the weight of older rows decreases exponentially, so that codes of
    earlier states of the encoder lose their influence.

    Args:
        units: D.
        window: number of rows.
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
        """Include rows (N, D); without gradients."""
        rows = ops.stop_gradient(ops.cast(rows, "float32"))
        count = ops.cast(ops.shape(rows)[0], "float32")
        seen = ops.minimum(ops.convert_to_tensor(self.seen) + count, ops.maximum(count, float(self.window)))
        share = count / seen
        mean = ops.mean(rows, axis=0)
        centered = rows - mean
        within = ops.matmul(ops.transpose(centered), centered) / count
        shift = mean - ops.convert_to_tensor(self.mean)
        # The pooled covariance of two groups: the covariance within the groups plus the covariance of their means.
        between = share * (1 - share) * ops.outer(shift, shift)
        self.covariance.assign((1 - share) * ops.convert_to_tensor(self.covariance) + share * within + between)
        self.mean.assign_add(share * shift)
        self.seen.assign(seen)

    def draw(self, n, seed):
        """`n` samples (n, D) from the Gaussian with these moments, float32 numpy. Raises ZooError if there are no moments yet."""
        if not float(ops.convert_to_numpy(self.seen)):
            raise ZooError(
                "the prior is fitted to codes during training, and this model has not been trained; train it before sampling."
            )
        mean, covariance = (ops.convert_to_numpy(v).astype(np.float64) for v in (self.mean, self.covariance))
        values, vectors = np.linalg.eigh(covariance)
        noise = np.random.default_rng(seed).standard_normal((n, self.units))
        return (mean + (noise * np.sqrt(np.maximum(values, 0))) @ vectors.T).astype(np.float32)
