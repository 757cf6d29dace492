"""Damage to test images, always the same for a seed, as a user's files would have it: 8 bits a pixel, 0..255."""

import numpy as np

from zoo.errors import ZooError
from zoo.layers.corruptions.resample import Shrink
from zoo.modalities.image import unit_array
from zoo.utils.batching import apply_in_batches


def noisy(images, noise, level, seed=0):
    """Images (N, H, W, C) with noise, uint8: "gaussian" of deviation `level` in 0..1 units, or "masking", a share of black."""
    rng = np.random.default_rng(seed)
    if noise == "gaussian":
        return _as_bytes(unit_array(images) + level * rng.standard_normal(images.shape, dtype=np.float32))
    if noise == "masking":
        return np.where(rng.random((*images.shape[:-1], 1)) < level, np.uint8(0), _as_bytes(unit_array(images)))
    raise ZooError(f"got noise {noise!r}, expected 'gaussian' or 'masking'.")


def boxed(images, side):
    """Images with a black box of `side` x `side` pixels in their middle, and where it is, (H, W) bool."""
    height, width = images.shape[1:3]
    if not 1 <= side < min(height, width):
        raise ZooError(f"got a box of side {side}, expected from 1 to {min(height, width) - 1} for images of {height} x {width}.")
    inside = np.zeros((height, width), bool)
    top, left = (height - side) // 2, (width - side) // 2
    inside[top : top + side, left : left + side] = True
    return np.where(inside[..., None], np.uint8(0), _as_bytes(unit_array(images))), inside


def shrunk(images, scale):
    """Images (N, H, W, C) at (N, H / scale, W / scale, C): bicubic and antialiased."""
    height, width, channels = images.shape[1:]
    layer = Shrink(scale, (height // scale, width // scale, channels))
    return _as_bytes(apply_in_batches(layer, layer.call, unit_array(images), 256))


def _as_bytes(images):
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
