"""Corruption of the input, in training only, for denoising autoencoders (Vincent et al., 2008)."""

import keras
from keras import ops

from zoo.errors import ZooError, suggest
from zoo.utils.numbers import is_number


class Corruption(keras.layers.Layer):
    """Base: `corrupt` in training, identity otherwise. Inputs and outputs: (N, ...) in 0..1.

    Args:
        level: level of the corruption, one number for all inputs, or a range (least, most) to sample each input's level from.
    """

    def __init__(self, level=0.3, **kwargs):
        super().__init__(**kwargs)
        self.level = level
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, training=None):
        return self.corrupt(x) if training else x

    def compute_output_shape(self, input_shape):
        return input_shape

    def levels(self, x):
        """The level of each input, float32, a number or (N, 1, ...)."""
        if not isinstance(self.level, tuple):
            return self.level
        shape = (ops.shape(x)[0], *[1] * (len(x.shape) - 1))
        return keras.random.uniform(shape, *self.level, dtype="float32", seed=self.seed_generator)


class GaussianNoise(Corruption):
    """Adds noise of standard deviation `level`, in units of the 0..1 range.

    Args:
        level: see `Corruption`.
        clip: whether to clip the result to 0..1, as in image files; otherwise the noise stays Gaussian.
    """

    def __init__(self, level=0.3, clip=False, **kwargs):
        super().__init__(level, **kwargs)
        self.clip = clip

    def corrupt(self, x):
        noise = keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)
        x = x + ops.cast(self.levels(x), x.dtype) * noise
        return ops.clip(x, 0.0, 1.0) if self.clip else x


class MaskingNoise(Corruption):
    """Sets a fraction `level` of the pixels to 0, all channels of a pixel together."""

    def corrupt(self, x):
        return x * ops.cast(_pixelwise_uniform(x, self.seed_generator) >= self.levels(x), x.dtype)


class SaltAndPepperNoise(Corruption):
    """Sets a fraction `level` of the pixels to 0 or 1 with equal probability, all channels of a pixel together."""

    def corrupt(self, x):
        u, level = _pixelwise_uniform(x, self.seed_generator), self.levels(x)
        x = ops.where(u < level / 2, ops.zeros_like(x), x)
        return ops.where(u > 1 - level / 2, ops.ones_like(x), x)


def _pixelwise_uniform(x, seed):
    shape = ops.shape(x)
    shape = (*shape[:-1], 1) if len(shape) == 4 else shape
    return keras.random.uniform(shape, dtype="float32", seed=seed)


_KINDS = {"gaussian": GaussianNoise, "masking": MaskingNoise, "salt_and_pepper": SaltAndPepperNoise}


def corruption(kind, level, **options):
    """The layer for a `kind` of noise ("gaussian", "masking", "salt_and_pepper") at a `level`, a number or (least, most)."""
    if kind not in _KINDS:
        raise ZooError(f"got noise {kind!r}, expected one of {', '.join(_KINDS)}.{suggest(kind, _KINDS)}")
    span = tuple(level) if isinstance(level, (tuple, list)) else (level, level)
    if len(span) != 2 or not all(map(is_number, span)) or not 0 <= span[0] <= span[1] or (kind != "gaussian" and span[1] > 1):
        raise ZooError(
            f"got a noise level of {level}, expected a fraction of pixels, 0..1, or for gaussian a standard deviation of at "
            "least 0; or a pair (least, most) of these."
        )
    return _KINDS[kind](tuple(level) if isinstance(level, (tuple, list)) else level, **options)
