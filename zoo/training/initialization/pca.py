"""Initialization of a linear path by principal component analysis."""

import numpy as np

from zoo.backbones.linear_path import LinearPathDecoder
from zoo.errors import ZooError
from zoo.layers.math.pca import principal_components
from zoo.models.base.autoencoder import Autoencoder


def start_from_pca(model: Autoencoder, images):
    """Set the linear path of `model` to PCA of `images`, with codes of unit variance. The outputs of the networks start at zero.

    Raises:
        ZooError: if the model has no linear path, or its code is larger than the images.
    """
    into, out = linear_path(model)
    dimensions = int(np.prod(np.shape(images)[1:]))
    if into.units > dimensions:
        raise ZooError(f"got a code of {into.units} numbers, expected at most {dimensions}, the number of principal components.")
    mean, components, deviations = principal_components(images, into.units)
    # Directions in which the images do not vary are not scaled, because that would amplify rounding errors.
    deviations = np.where(deviations > 1e-5 * deviations[0], deviations, 1.0)
    into.kernel.assign(components.T / deviations)
    into.bias.assign(-(components @ mean) / deviations)
    out.kernel.assign(components * deviations[:, None])
    out.bias.assign(mean)


def linear_path(model):
    """The dense layers of the linear path of `model`: from pixels to the code (a posterior's mean), and back."""
    decoder = model.decoder.backbone
    if not isinstance(decoder, LinearPathDecoder):
        raise ZooError(f"{model.name} has no linear path to initialize; build it with linear_path=True.")
    bottleneck = model.bottleneck
    return (bottleneck.mean if hasattr(bottleneck, "mean") else bottleneck.dense), decoder.linear
