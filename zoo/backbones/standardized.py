"""Networks between standardized images and standardized predictions, of the patches that a mask hides or of all."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import BackboneWrapper
from zoo.layers.blocks.tokens import patchify, unpatchify

_EPSILON = 1e-6


class StandardizedEncoder(BackboneWrapper):
    """Base of encoders that standardize images (N, H, W, C) or series (N, T, C), and divide them into the patches of a mask.

    Args:
        net: the wrapped encoder.
        mean, deviation: one number per channel, for the standardization; None for none.
        patch_size: side of a patch.
    """

    def __init__(self, net, mean, deviation, patch_size, **kwargs):
        super().__init__(net, **kwargs)
        self.mean, self.deviation, self.patch_size = mean, deviation, patch_size

    def image(self, x):
        if self.mean is None:
            return x
        mean, deviation = (ops.cast(np.asarray(numbers), x.dtype) for numbers in (self.mean, self.deviation))
        return (x - mean) / deviation

    def patches(self, x):
        """Patches (N, P, numbers) of images or series, standardized."""
        return patchify(self.image(x), self.patch_size)


class StandardizedDecoder(keras.layers.Layer):
    """Base of decoders whose network predicts standardized images or series, see `StandardizedEncoder`.

    Args:
        net: the network.
        mean, deviation, patch_size: as for the encoder.
        shape: (height, width) or (length,) of the outputs, and their channels.
    """

    # Whether `net` predicts patches normalized to mean 0 and deviation 1.
    normalized = False

    def __init__(self, net, mean, deviation, patch_size, shape, **kwargs):
        super().__init__(**kwargs)
        self.net, self.mean, self.deviation = net, mean, deviation
        self.patch_size, self.shape = patch_size, tuple(shape)

    def compute_output_shape(self, input_shape):
        return self.net.compute_output_shape(input_shape)

    def scaled(self, found, mean, deviation):
        """The outputs (N, *shape) from predicted patches (N, P, numbers)."""
        return self.image(self.as_patches(found, mean, deviation))

    def as_patches(self, found, mean, deviation):
        """Patches as the encoder takes them, from predicted ones and the mean and deviation of the true ones."""
        return found * deviation + mean if self.normalized else found

    def target(self, patches):
        """What `net` should predict, float32, of patches (N, P, numbers)."""
        mean, deviation = scales(patches)
        patches = ops.cast(patches, "float32")
        return (patches - mean) / deviation if self.normalized else patches

    def image(self, patches):
        """Images or series (N, *shape) from patches as the encoder takes them."""
        x = unpatchify(patches, self.shape, self.patch_size)
        if self.mean is None:
            return x
        mean, deviation = (ops.cast(np.asarray(numbers), x.dtype) for numbers in (self.mean, self.deviation))
        return x * deviation + mean


def scales(patches):
    """Mean and deviation, (N, P, 1) float32, of patches (N, P, numbers)."""
    patches = ops.cast(patches, "float32")
    mean = ops.mean(patches, axis=-1, keepdims=True)
    return mean, ops.sqrt(ops.mean(ops.square(patches - mean), axis=-1, keepdims=True) + _EPSILON)


def check_moments(mean, deviation, channels):
    """Raise ZooError unless a mean and a deviation are given for each channel, or neither."""
    given = [numbers for numbers in (mean, deviation) if numbers is not None]
    if len(given) == 1 or any(not isinstance(n, (tuple, list)) or len(n) != channels for n in given):
        raise ZooError(f"got mean={mean} and deviation={deviation}, expected {channels} numbers each, or neither.")
