"""Noise on series: time steps are hidden, as if their values were missing, or values get Gaussian noise."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.layers.corruptions.corruption import Corruption, GaussianNoise, MaskingNoise


class StepMasking(Corruption):
    """Hides each time step with probability `level`, all channels together: the networks are told so, as for a missing value.

    Args:
        channels: C; the inputs are (N, L, 2 C), values and flags.
    """

    def __init__(self, level, channels, **kwargs):
        super().__init__(level, **kwargs)
        self.channels = channels

    def corrupt(self, x):
        shape = ops.shape(x)
        kept = keras.random.uniform((shape[0], shape[1], 1), dtype="float32", seed=self.seed_generator) >= self.levels(x)
        kept, c = ops.cast(kept, x.dtype), self.channels
        return ops.concatenate([x[..., :c] * kept, 1 - kept * (1 - x[..., c:])], axis=-1)


class ValueNoise(GaussianNoise):
    """Adds Gaussian noise to the values that are not missing; `level` is on the scale of the inputs.

    Args:
        channels: C, as for `StepMasking`.
    """

    def __init__(self, level, channels, **kwargs):
        super().__init__(level, **kwargs)
        self.channels = channels

    def corrupt(self, x):
        c = self.channels
        return ops.concatenate([super().corrupt(x[..., :c]) * (1 - x[..., c:]), x[..., c:]], axis=-1)


def of_steps(corruption, channels):
    """The layer that does to time steps what `corruption` does to pixels. Raises ZooError if there is no such layer."""
    if isinstance(corruption, MaskingNoise):
        return StepMasking(corruption.level, channels)
    if isinstance(corruption, GaussianNoise):
        return ValueNoise(corruption.level, channels)
    if isinstance(corruption, Corruption):
        raise ZooError(f"got the corruption {type(corruption).__name__} for series, expected noise='masking' or 'gaussian'.")
    return corruption
