"""Degraded test images, reproducible by a seed and with 8 bits per channel (0..255), as image files have."""

import numpy as np

from zoo.errors import ZooError
from zoo.layers.corruptions.resample import Shrink
from zoo.modalities.image import unit_array
from zoo.utils.batching import apply_in_batches


def noisy(images, noise, level, seed=0):
    """Images (N, H, W, C) with noise, uint8.

    `noise` is "gaussian", of standard deviation `level` for pixels in 0..1, or "masking": a fraction `level` of black pixels.
    """
    rng = np.random.default_rng(seed)
    if noise == "gaussian":
        return _as_bytes(unit_array(images) + level * rng.standard_normal(images.shape, dtype=np.float32))
    if noise == "masking":
        return np.where(rng.random((*images.shape[:-1], 1)) < level, np.uint8(0), _as_bytes(unit_array(images)))
    raise ZooError(f"got noise {noise!r}, expected 'gaussian' or 'masking'.")


def boxed(images, side):
    """Images with a black box of `side` x `side` pixels at the center, uint8, and the mask of the box, (H, W) bool."""
    height, width = images.shape[1:3]
    if not 1 <= side < min(height, width):
        raise ZooError(f"got a box of side {side}, expected from 1 to {min(height, width) - 1} for images of {height} x {width}.")
    inside = np.zeros((height, width), bool)
    top, left = (height - side) // 2, (width - side) // 2
    inside[top : top + side, left : left + side] = True
    return np.where(inside[..., None], np.uint8(0), _as_bytes(unit_array(images))), inside


def shrunk(images, scale, edges="cut"):
    """Images (N, H, W, C) reduced to (N, H / scale, W / scale, C), bicubic and antialiased, uint8; `edges`: see `Shrink`."""
    height, width, channels = images.shape[1:]
    layer = Shrink(scale, (height // scale, width // scale, channels), edges)
    return _as_bytes(apply_in_batches(layer, layer.call, unit_array(images), 256))


def _as_bytes(images):
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
