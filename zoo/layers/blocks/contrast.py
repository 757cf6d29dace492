"""Local contrast normalization (Jarrett, Kavukcuoglu, Ranzato & LeCun 2009, "What is the best multi-stage architecture for
object recognition?", ICCV): every pixel less the mean around it, in units of the deviation around it."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError

# Deviation of the Gaussian window in pixels, and the distance from its middle at which it is cut off.
_SIGMA, _RADIUS = 1.5, 5
# Two levels of 256: an image without any contrast stays without.
_FLOOR = 2 / 255


def local_contrast(x):
    """Images (N, H, W, C) in 0..1 to their local contrast, of the same shape: mean about 0, deviation about 1.

    Each channel loses its own mean; the deviation is that of all channels together, and nowhere less than its mean over the
    image, so that flat regions stay flat.

    Raises:
        ZooError: on inputs that are not images.
    """
    if len(x.shape) != 4:
        raise ZooError(f"local contrast is of images, got inputs of shape {tuple(x.shape)}; use the loss 'mse' for vectors.")
    centred = x - _blur(x)
    deviation = ops.sqrt(_blur(ops.mean(ops.square(centred), axis=-1, keepdims=True)))
    least = ops.maximum(ops.mean(deviation, axis=(1, 2), keepdims=True), _FLOOR)
    return centred / ops.maximum(deviation, least)


def _blur(x):
    for axis in (1, 2):
        x = _blur_along(x, axis)
    return x


def _blur_along(x, axis):
    # An image smaller than the window is mirrored as far as it goes.
    radius = min(_RADIUS, x.shape[axis] - 1)
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * _SIGMA**2))
    shape = (-1, 1, 1, 1) if axis == 1 else (1, -1, 1, 1)
    kernel = np.tile((taps / taps.sum()).reshape(shape), (1, 1, x.shape[-1], 1))
    margins = [(0, 0)] * 4
    margins[axis] = (radius, radius)
    padded = ops.pad(x, margins, mode="reflect")
    return ops.depthwise_conv(padded, ops.convert_to_tensor(kernel, x.dtype), padding="valid", data_format="channels_last")


class LocalContrast(keras.layers.Layer):
    """See `local_contrast`; in single precision, whatever the model's."""

    def call(self, x):
        return ops.cast(local_contrast(ops.cast(x, "float32")), self.compute_dtype)
