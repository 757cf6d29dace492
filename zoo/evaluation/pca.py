"""Principal components as a baseline: the best that a linear autoencoder can do."""

import numpy as np

from zoo.errors import ZooError

_BLOCK = 10_000


def pca_mse(train_images, test_images, count, clip=True):
    """Mean squared error, over pixels in 0..1, of test images rebuilt from `count` principal components of the training images.

    By the eigenvectors of the training images' covariance, summed in float64 (Pearson 1901); with `clip` the reconstructions
    are clipped to 0..1 as a model's are. Images: (N, ...), uint8 or floats.
    """
    dimensions = int(np.prod(train_images.shape[1:]))
    if not 1 <= count <= dimensions:
        raise ZooError(f"got {count} principal components, expected between 1 and the {dimensions} numbers of an image.")
    mean = sum(block.sum(axis=0, dtype=np.float64) for block in _blocks(train_images)) / len(train_images)
    covariance = sum(_products(block - mean) for block in _blocks(train_images))
    components = np.linalg.eigh(covariance)[1][:, -count:]
    total = 0.0
    for block in _blocks(test_images):
        made = (block - mean) @ components @ components.T + mean
        total += np.square(block - (np.clip(made, 0, 1) if clip else made)).sum()
    return float(total / (len(test_images) * dimensions))


def _products(block):
    return block.T @ block


def _blocks(images):
    for start in range(0, len(images), _BLOCK):
        block = np.asarray(images[start : start + _BLOCK])
        flat = block.reshape(len(block), -1)
        yield flat / 255.0 if block.dtype == np.uint8 else flat.astype(np.float64)
