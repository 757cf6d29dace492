"""Corruption of the input, in training only: what a denoising autoencoder has to undo (Vincent et al., 2008)."""

import keras
from keras import ops

from zoo.errors import ZooError, suggest


class Corruption(keras.layers.Layer):
    """Base: `corrupt` in training, identity otherwise. Inputs and outputs: (N, ...) in 0..1."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, training=None):
        return self.corrupt(x) if training else x

    def compute_output_shape(self, input_shape):
        return input_shape


class GaussianNoise(Corruption):
    """Adds noise of standard deviation `level` (in units of the 0..1 range), not clipped, so that it stays Gaussian."""

    def __init__(self, level=0.3, **kwargs):
        super().__init__(**kwargs)
        self.level = level

    def corrupt(self, x):
        noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)
        return x + self.level * noise


class MaskingNoise(Corruption):
    """Sets a share `level` of the pixels to 0; all channels of a pixel together."""

    def __init__(self, level=0.3, **kwargs):
        super().__init__(**kwargs)
        self.level = level

    def corrupt(self, x):
        return x * ops.cast(_pixelwise_uniform(x, self.seed_generator) >= self.level, x.dtype)


class SaltAndPepperNoise(Corruption):
    """Sets a share `level` of the pixels to 0 or 1, each with the same chance; all channels of a pixel together."""

    def __init__(self, level=0.3, **kwargs):
        super().__init__(**kwargs)
        self.level = level

    def corrupt(self, x):
        u = _pixelwise_uniform(x, self.seed_generator)
        x = ops.where(u < self.level / 2, ops.zeros_like(x), x)
        return ops.where(u > 1 - self.level / 2, ops.ones_like(x), x)


def _pixelwise_uniform(x, seed):
    shape = ops.shape(x)
    shape = (*shape[:-1], 1) if len(shape) == 4 else shape
    return keras.random.uniform(shape, dtype="float32", seed=seed)


_KINDS = {"gaussian": GaussianNoise, "masking": MaskingNoise, "salt_and_pepper": SaltAndPepperNoise}


def corruption(kind, level):
    """The layer for a `kind` of noise ("gaussian", "masking", "salt_and_pepper") at a `level`; `ZooError` for another."""
    if kind not in _KINDS:
        raise ZooError(f"got noise {kind!r}, expected one of {', '.join(_KINDS)}.{suggest(kind, _KINDS)}")
    if not level >= 0 or (kind != "gaussian" and level > 1):
        raise ZooError(f"got a noise level of {level}, expected 0..1, a share of pixels, or any positive deviation for gaussian.")
    return _KINDS[kind](level)
