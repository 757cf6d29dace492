"""PCA as a baseline of the reconstruction error: the optimum of a linear autoencoder."""

import numpy as np

from zoo.errors import ZooError
from zoo.layers.math.pca import blocks, principal_components


def pca_mse(train_images, test_images, count, clip=True):
    """Mean squared error, over pixels in 0..1, of test images reconstructed from `count` principal components of training images.

    Images are (N, ...), uint8 or floats 0..1. With `clip`, the reconstructions are clipped to 0..1, as those of models are.
    """
    dimensions = int(np.prod(train_images.shape[1:]))
    if not 1 <= count <= dimensions:
        raise ZooError(f"got {count} principal components, expected between 1 and the {dimensions} numbers of an image.")
    mean, components, _ = principal_components(train_images, count)
    total = 0.0
    for block in blocks(test_images):
        made = (block - mean) @ components.T @ components + mean
        total += np.square(block - (np.clip(made, 0, 1) if clip else made)).sum()
    return float(total / (len(test_images) * dimensions))
