"""The one rule for images: uint8 0..255 or floats 0..1, channels last; the same features from either.

Arrays here, tensors in `zoo.modalities.tensors`: what reads images needs no framework.
"""

import numpy as np

from zoo.errors import ZooError

# Float images that were resized or decoded elsewhere overshoot by rounding; more than this is another range.
SLACK = 1e-3
# Bytes that are read at a time to find the range of values.
_BLOCK = 1 << 19
# What arrays and tensors that break the rule are told alike.
BEYOND_PROBABILITIES = "beyond 0..1 under a loss of probabilities; bring them to 0..1, or make the model with loss='gaussian'."


def is_image_shape(shape):
    """Whether `shape`, without the batch axis, is an image (height, width, channels) and not a flat vector."""
    return len(shape) == 3


def image_file_shape(shape):
    """`shape`, without the batch axis, where a picture file can hold it: (height, width, 1 or 3); else None."""
    return tuple(shape) if is_image_shape(shape) and shape[-1] in (1, 3) else None


def check_images(x, input_shape):
    """Return `x` as an array (N, *input_shape), uint8 0..255 or float32 0..1, or raise a `ZooError` that says what came.

    Flat vectors (an `input_shape` of length one) are features of any finite float range.
    """
    x = np.asarray(x)
    shape = tuple(input_shape)
    wanted = f"(N, {', '.join(map(str, shape))})"
    if x.ndim != len(shape) + 1 or x.shape[1:] != shape:
        hint = " Add the batch axis: x[None]." if x.shape == shape else ""
        if x.ndim == len(shape) and is_image_shape(shape) and shape[-1] == 1 and x.shape[1:] == shape[:2]:
            hint = " Add the channel axis: x[..., None]."
        elif x.ndim == 4 and (x.shape[2], x.shape[3], x.shape[1]) == shape:
            hint = " The channels come first; move them last: x.transpose(0, 2, 3, 1)."
        raise ZooError(f"got an array of shape {x.shape}, expected {wanted}.{hint}")
    if len(x) == 0:
        raise ZooError(f"got no images (shape {x.shape}), expected {wanted} with N >= 1.")
    if is_image_shape(shape) and x.dtype == np.uint8:
        return x
    if not _is_float(x.dtype):
        kind = "uint8 0..255 or floats 0..1" if is_image_shape(shape) else "floats"
        raise ZooError(f"got values of dtype {x.dtype}, expected {kind}; {_conversion(x, is_image_shape(shape))}.")
    low, high = extremes(x)
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(len(x) - np.isfinite(x.reshape(len(x), -1).astype(np.float64)).all(axis=1).sum())
        raise ZooError(f"got NaN or infinite values in {bad} of {len(x)} inputs, expected finite values; clean them first.")
    if is_image_shape(shape) and (low < -SLACK or high > 1 + SLACK):
        raise ZooError(f"got floats from {low:.4g} to {high:.4g}, expected 0..1 (or uint8 0..255); {_rescaling(low, high)}.")
    return x.astype(np.float32, copy=False)


def check_probabilities(x):
    """`ZooError` where vectors (N, D), an array, leave 0..1: their cross-entropy would have no least value."""
    x = np.asarray(x)
    if not (_is_float(x.dtype) and x.size):
        return
    low, high = extremes(x)
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise ZooError(f"got vectors from {low:.4g} to {high:.4g}, {BEYOND_PROBABILITIES}")


def extremes(x):
    """The least and the largest value of an array (N, ...) with N >= 1, floats; NaN where one of its values is.

    In blocks that stay in the processor's cache, so that the memory is read once for both.
    """
    block = max(1, _BLOCK * len(x) // max(x.nbytes, 1))
    lows, highs = zip(*((part.min(), part.max()) for part in (x[i : i + block] for i in range(0, len(x), block))))
    return float(np.min(lows)), float(np.max(highs))


def _is_float(dtype):
    # JAX and TensorFlow share NumPy's name for bfloat16, which NumPy itself does not know as floating.
    return np.issubdtype(dtype, np.floating) or dtype.name == "bfloat16"


def _conversion(x, image):
    """What to do with values of a dtype that is neither uint8 nor float: advice that gives the right images when followed."""
    if x.dtype.kind not in "biu":
        return "convert them to numbers first"
    if not image or x.dtype == bool:
        return "convert them first: x.astype('float32')"
    if x.dtype == np.uint16:
        return (
            "divide by the largest value that they can have, 65535, or what the camera has, such as 4095 of 12 bits: "
            "(x / 65535).astype('float32')"
        )
    low, high = int(x.min()), int(x.max())
    if low >= 0 and high <= 1:
        return "they are all 0 or 1: if 1 is white, convert them by x.astype('float32'), or if 255 is, by x.astype('uint8')"
    if low >= 0 and high <= 255:
        return "convert them first: x.astype('uint8')"
    return (
        f"they reach from {low} to {high}: take (x.astype('float32') - low) / (high - low), with low and high the ends of the "
        "range that such images can have"
    )


def _rescaling(low, high):
    """What to do with floats from `low` to `high`."""
    if low >= -SLACK and high <= 255 * (1 + SLACK):
        return "divide by 255" if high > 2 else "divide by the largest value that they can have, or clip noise to 0..1"
    if low >= -SLACK:
        return "divide by the largest value that they can have, such as 65535 of 16 bits"
    if low >= -1 - SLACK and high <= 1 + SLACK:
        return "if they reach from -1 to 1, take (x + 1) / 2, else undo the normalization"
    return "undo the normalization: x * deviation + mean"


def unit_array(images, dtype=np.float32):
    """An array of images in 0..1 and float `dtype`: uint8 is divided by 255, floats are taken as they are."""
    images = np.asarray(images)
    return np.divide(images, 255, dtype=dtype) if images.dtype == np.uint8 else images.astype(dtype, copy=False)
