"""The part of a series' preprocessing that is inside the graph: scaled values, flags of missing ones, the window's own scale."""

import keras
from keras import ops

# In scales: up to here values are about linear, beyond logarithmic.
_KNEE = 3.0
# The largest exponent of restored values: beyond it, float32 would overflow.
_LARGEST = 80.0
# The smallest scale of a window, in scales of its channel: windows that hardly change are not magnified to noise.
_LEAST = 0.1


class SeriesScaling(keras.layers.Layer):
    """Windows (N, L, C), NaN where missing, to the inputs (N, L, 2 C) of the networks: scaled values and flags of missing ones.

    A value x becomes z = (x - center) / scale by the numbers of its channel, fitted on the whole series. With `by_window`, its
    window is then standardized as well, by the mean and deviation of all but its last step (reversible instance normalization:
    Kim et al. 2022, ICLR), so that levels and scales that change over time are no part of the code. The last step is left out,
    because a detector compares it with those before. The input is s(z) = sign(z) k log(1 + |z| / k): linear in the middle and
    logarithmic for spikes. A missing value is 0, and its flag is 1.

    Args:
        channels: C.
        by_window: whether windows are standardized.
    """

    def __init__(self, channels, by_window, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.channels, self.by_window = channels, by_window

    def build(self, input_shape=None):
        shape = (self.channels,)
        self.center = self.add_weight(shape, "zeros", "float32", trainable=False, name="center")
        self.scale = self.add_weight(shape, "ones", "float32", trainable=False, name="scale")
        self.built = True

    def call(self, x):
        """(N, L, C), floats -> (N, L, 2 C), float32."""
        values, known = self.scaled(x, x)
        return ops.concatenate([values, 1 - known], axis=-1)

    def restore(self, outputs):
        """The decoder's outputs (N, L, C or 2 C) as values; with `by_window` those of windows of level 0 and scale 1."""
        outputs = outputs[..., : self.channels]
        z = _KNEE * ops.sign(outputs) * (ops.exp(ops.minimum(ops.abs(outputs) / _KNEE, _LARGEST)) - 1)
        return z if self.by_window else z * self._scale() + self._center()

    def reverse(self, restored, x):
        """What `restore` gave (N, L, C), with the level and scale of the windows `x` (N, L, C)."""
        if not self.by_window:
            return restored
        level, spread = _moments(*self._standardized(x))
        return (restored * spread + level) * self._scale() + self._center()

    def scaled(self, x, like):
        """Values s(z) of windows `x` (N, L, C), 0 where missing, and 1 where they are known; with `by_window` standardized as the
        windows `like` (N, L, C) are."""
        z, known = self._standardized(x)
        if self.by_window:
            level, spread = _moments(*self._standardized(like))
            z = (z - level) / spread
        # Not `log1p`, which ONNX does not have.
        return _KNEE * ops.sign(z) * ops.log(1 + ops.abs(z) / _KNEE) * known, known

    def _standardized(self, x):
        """(x - center) / scale, 0 where missing, and 1 where values are known."""
        x = ops.cast(x, "float32")
        missing = ops.isnan(x)
        z = (ops.where(missing, ops.zeros_like(x), x) - self._center()) / self._scale()
        known = ops.cast(ops.logical_not(missing), "float32")
        return z * known, known

    def _center(self):
        return ops.convert_to_tensor(self.center)

    def _scale(self):
        return ops.convert_to_tensor(self.scale)


def _moments(values, known):
    """Mean and deviation, (N, 1, C), of the known values (N, L, C) of each window before its last step; for none, 0 and the
    least."""
    values, known = values[:, :-1], known[:, :-1]
    count = ops.maximum(ops.sum(known, axis=1, keepdims=True), 1.0)
    level = ops.sum(values, axis=1, keepdims=True) / count
    variance = ops.sum(ops.square(values - level) * known, axis=1, keepdims=True) / count
    return level, ops.sqrt(variance + _LEAST**2)
