"""Principal components as a baseline: the best that a linear autoencoder can do."""

import numpy as np

from zoo.errors import ZooError
from zoo.layers.math.pca import blocks, principal_components


def pca_mse(train_images, test_images, count, clip=True):
    """Mean squared error, over pixels in 0..1, of test images rebuilt from `count` principal components of the training images.

    With `clip` the reconstructions are clipped to 0..1 as a model's are. Images: (N, ...), uint8 or floats.
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
