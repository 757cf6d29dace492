"""The rule for images: uint8 0..255 or floats 0..1, channels last; both give the same features.

This module is for arrays and needs no framework; tensors are in `zoo.modalities.tensors`.
"""

import numpy as np

from zoo.errors import ZooError

# Tolerance for rounding errors of float images; larger deviations mean another range of values.
SLACK = 1e-3
# Names of the axes of an image, for those of any length.
_AXES = ("height", "width", "channels")
# Bytes read at a time to find the range of values.
_BLOCK = 1 << 19
# Message for both arrays and tensors.
BEYOND_PROBABILITIES = "but the loss requires values in 0..1; scale them to 0..1, or create the model with loss='gaussian'."


def is_image_shape(shape):
    """Whether `shape`, without the batch axis, is an image (height, width, channels) and not a flat vector."""
    return len(shape) == 3


def image_file_shape(shape):
    """`shape`, without the batch axis, if an image file can contain it, (height, width, 1 or 3); otherwise None."""
    return tuple(shape) if is_image_shape(shape) and shape[-1] in (1, 3) else None


def check_images(x, input_shape):
    """`x` as an array (N, *input_shape), uint8 0..255 or float32 0..1. Raises ZooError if `x` has another shape, type or range.

    Flat vectors (an `input_shape` of length one) may contain any finite floats.
    """
    x = np.asarray(x)
    shape = tuple(input_shape)
    if x.shape[1:] != shape or not x.ndim:
        raise ZooError(wrong_shape("an array", x.shape, shape))
    if len(x) == 0:
        raise ZooError(f"got no images (shape {x.shape}), expected {_batch(shape)} with N >= 1.")
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


def wrong_shape(what, came, input_shape):
    """Message, with advice, for `what`, of shape `came`, instead of inputs (N, *input_shape); None is an axis of any length."""
    came, shape = tuple(came), tuple(input_shape)
    one = len(came) == len(shape) and all(n in (None, m) for n, m in zip(shape, came))
    hint = " Add the batch axis: x[None]." if one else ""
    if len(came) == len(shape) and is_image_shape(shape) and shape[-1] == 1 and came[1:] == shape[:2]:
        hint = " Add the channel axis: x[..., None]."
    elif len(came) == 4 and (came[2], came[3], came[1]) == shape:
        hint = " The channels are first; move them to the end: x.transpose(0, 2, 3, 1)."
    elif len(came) == 4 and is_image_shape(shape) and None not in shape and came[3] in (1, 3) and shape[2] in (1, 3):
        hint = " To convert images to this size and these channels: zoo.load_encoder(name, resize=True)."
    return f"got {what} of shape {came}, expected {_batch(shape)}.{hint}"


def _batch(shape):
    return f"(N, {', '.join(str(n or axis) for n, axis in zip(shape, _AXES))})"


def check_probabilities(x):
    """Raise ZooError if vectors (N, D), an array, are outside 0..1, because their cross-entropy would have no minimum."""
    x = np.asarray(x)
    if not (_is_float(x.dtype) and x.size):
        return
    low, high = extremes(x)
    if not (low >= -SLACK and high <= 1 + SLACK):
        raise ZooError(f"got vectors from {low:.4g} to {high:.4g}, {BEYOND_PROBABILITIES}")


def extremes(x):
    """The smallest and the largest value of an array (N, ...), N >= 1, floats; NaN if the array contains NaN.

    Computed in blocks that fit the processor's cache, so that memory is read only once for both.
    """
    block = max(1, _BLOCK * len(x) // max(x.nbytes, 1))
    lows, highs = zip(*((part.min(), part.max()) for part in (x[i : i + block] for i in range(0, len(x), block))))
    return float(np.min(lows)), float(np.max(highs))


def _is_float(dtype):
    # By name, because NumPy does not recognize the bfloat16 of JAX and TensorFlow as floating.
    return np.issubdtype(dtype, np.floating) or dtype.name == "bfloat16"


def _conversion(x, image):
    """Advice on how to convert values of a dtype that is neither uint8 nor float."""
    if x.dtype.kind not in "biu":
        return "convert them to numbers first"
    if not image or x.dtype == bool:
        return "convert them first: x.astype('float32')"
    if x.dtype == np.uint16:
        return (
            "divide by the largest possible value, 65535, or that of the camera, such as 4095 for 12 bits: "
            "(x / 65535).astype('float32')"
        )
    low, high = int(x.min()), int(x.max())
    if low >= 0 and high <= 1:
        return "they are all 0 or 1: if 1 is white, convert them by x.astype('float32'), or if 255 is, by x.astype('uint8')"
    if low >= 0 and high <= 255:
        return "convert them first: x.astype('uint8')"
    return (
        f"their range is {low} to {high}: use (x.astype('float32') - low) / (high - low), with low and high the limits of the "
        "possible range"
    )


def _rescaling(low, high):
    """Advice on how to rescale floats from `low` to `high`."""
    if low >= -SLACK and high <= 255 * (1 + SLACK):
        return "divide by 255" if high > 2 else "divide by the largest possible value, or clip noise to 0..1"
    if low >= -SLACK:
        return "divide by the largest possible value, such as 65535 for 16 bits"
    if low >= -1 - SLACK and high <= 1 + SLACK:
        return "if their range is -1 to 1, use (x + 1) / 2, otherwise undo the normalization"
    return "undo the normalization: x * deviation + mean"


def unit_array(images, dtype=np.float32):
    """An array of images in 0..1 and float `dtype`: uint8 is divided by 255, floats are unchanged."""
    images = np.asarray(images)
    return np.divide(images, 255, dtype=dtype) if images.dtype == np.uint8 else images.astype(dtype, copy=False)
