"""Principal components (Pearson 1901): the optimal linear autoencoder, used for initialization and as a baseline."""

import numpy as np

from zoo.modalities.image import unit_array

_BLOCK = 10_000


def principal_components(images, count):
    """Mean (D,), components (count, D) and standard deviations (count,) along them, largest first, of images (N, ...).

    Images are uint8 or floats, D numbers each. The results are float64, accumulated in blocks.
    """
    mean = sum(block.sum(axis=0) for block in blocks(images)) / len(images)
    covariance = sum(_products(block - mean) for block in blocks(images)) / len(images)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(values)[::-1][:count]
    return mean, np.ascontiguousarray(vectors[:, order].T), np.sqrt(np.maximum(values[order], 0))


def blocks(images):
    """Images (N, ...) as float64 rows (n, D) in 0..1, in blocks of some thousands."""
    for start in range(0, len(images), _BLOCK):
        block = unit_array(images[start : start + _BLOCK], np.float64)
        yield block.reshape(len(block), -1)


def _products(block):
    return block.T @ block
