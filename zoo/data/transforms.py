"""Transforms of arrays of images for evaluation, in NumPy."""

import numpy as np

from zoo.modalities.image import unit_array


def binarize(images, seed):
    """Sample every pixel of images (N, ...), uint8 or floats 0..1, from a Bernoulli distribution: float32 (N, ...), 0 or 1.

    The dynamic binarization of training (Burda et al. 2016, arXiv:1509.00519) with a fixed `seed`, so that it is repeatable.
    """
    images = np.asarray(images)
    drawn = np.random.default_rng(seed).random(images.shape, dtype=np.float32)
    return (drawn < unit_array(images)).astype(np.float32)
