"""The one rule for what goes in: uint8 0..255 or floats 0..1, channels last; the same features from either.

Arrays here, tensors in `zoo.modalities.tensors`: what reads images needs no framework.
"""

import numpy as np

from zoo.errors import ZooError

# Float images that were resized or decoded elsewhere overshoot by rounding; more than this is another range.
SLACK = 1e-3


def is_image_shape(shape):
    """Whether `shape`, without the batch axis, is an image (height, width, channels) and not a flat vector."""
    return len(shape) == 3


def picture_shape(shape):
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
    if not np.issubdtype(x.dtype, np.floating):
        kind = "uint8 0..255 or floats 0..1" if is_image_shape(shape) else "floats"
        raise ZooError(f"got values of dtype {x.dtype}, expected {kind}; convert them first, for example x.astype('uint8').")
    low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(len(x) - np.isfinite(x.reshape(len(x), -1)).all(axis=1).sum())
        raise ZooError(f"got NaN or infinite values in {bad} of {len(x)} inputs, expected finite values; clean them first.")
    if is_image_shape(shape) and (low < -SLACK or high > 1 + SLACK):
        raise ZooError(
            f"got floats from {low:.4g} to {high:.4g}, expected 0..1 (or uint8 0..255); divide by 255, or undo the normalization."
        )
    return x.astype(np.float32, copy=False)


def unit_array(images, dtype=np.float32):
    """An array of images in 0..1 and float `dtype`: uint8 is divided by 255, floats are taken as they are."""
    images = np.asarray(images)
    return np.divide(images, 255, dtype=dtype) if images.dtype == np.uint8 else images.astype(dtype, copy=False)
