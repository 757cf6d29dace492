"""Transforms of whole arrays, in numpy: what evaluation does to images before it looks at them."""

import numpy as np

from zoo.modalities.image import unit_array


def binarize(images, seed):
    """Every pixel drawn once from a Bernoulli of its value: (N, ...), uint8 or floats 0..1, to float32 of zeros and ones.

    The dynamic binarization of training (Burda et al. 2016, arXiv:1509.00519), held still by `seed` so that it can be repeated.
    """
    images = np.asarray(images)
    drawn = np.random.default_rng(seed).random(images.shape, dtype=np.float32)
    return (drawn < unit_array(images)).astype(np.float32)
