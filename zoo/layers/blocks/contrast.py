"""Local contrast normalization (Jarrett, Kavukcuoglu, Ranzato & LeCun 2009, "What is the best multi-stage architecture for
object recognition?", ICCV): the local mean is subtracted from each pixel, and the result is divided by the local
standard deviation."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError

# Standard deviation of the Gaussian window, and the radius at which it is cut off, in pixels.
_SIGMA, _RADIUS = 1.5, 5
# Two of 256 levels, so that noise in an image without contrast is not amplified.
_FLOOR = 2 / 255


def local_contrast(x):
    """Images (N, H, W, C) in 0..1 to their local contrast, same shape: mean about 0, standard deviation about 1.

    The mean is computed per channel, the standard deviation over all channels. The deviation is bounded below by its mean over
    the image, so that flat regions stay flat.

    Raises:
        ZooError: if the inputs are not images.
    """
    if len(x.shape) != 4:
        raise ZooError(f"local contrast requires images, got inputs of shape {tuple(x.shape)}; use the loss 'mse' for vectors.")
    centered = x - _blur(x)
    deviation = ops.sqrt(_blur(ops.mean(ops.square(centered), axis=-1, keepdims=True)))
    least = ops.maximum(ops.mean(deviation, axis=(1, 2), keepdims=True), _FLOOR)
    return centered / ops.maximum(deviation, least)


def _blur(x):
    for axis in (1, 2):
        x = _blur_along(x, axis)
    return x


def _blur_along(x, axis):
    # Reflection padding is limited to the size of the image.
    radius = min(_RADIUS, x.shape[axis] - 1)
    taps = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * _SIGMA**2))
    shape = (-1, 1, 1, 1) if axis == 1 else (1, -1, 1, 1)
    kernel = np.tile((taps / taps.sum()).reshape(shape), (1, 1, x.shape[-1], 1))
    margins = [(0, 0)] * 4
    margins[axis] = (radius, radius)
    padded = ops.pad(x, margins, mode="reflect")
    return ops.depthwise_conv(padded, ops.convert_to_tensor(kernel, x.dtype), padding="valid", data_format="channels_last")


class LocalContrast(keras.layers.Layer):
    """`local_contrast` as a layer, computed in float32 regardless of the model's precision."""

    def call(self, x):
        return ops.cast(local_contrast(ops.cast(x, "float32")), self.compute_dtype)
