"""A model with a linear path that begins at principal components."""

import numpy as np

from zoo.backbones.linear_path import LinearPathDecoder
from zoo.errors import ZooError
from zoo.layers.math.pca import principal_components
from zoo.models.base.autoencoder import Autoencoder


def start_from_pca(model: Autoencoder, images):
    """Set the linear path of `model` to PCA of `images`, codes scaled to unit variance; the networks beside it start silent.

    Raises:
        ZooError: when the model has no linear path, or a code larger than its images.
    """
    into, out = linear_path(model)
    dimensions = int(np.prod(np.shape(images)[1:]))
    if into.units > dimensions:
        raise ZooError(f"got a code of {into.units} numbers, expected at most the {dimensions} that PCA gives.")
    mean, components, deviations = principal_components(images, into.units)
    # Along directions in which the images do not vary there is nothing to scale; rounding would be blown up.
    deviations = np.where(deviations > 1e-5 * deviations[0], deviations, 1.0)
    into.kernel.assign(components.T / deviations)
    into.bias.assign(-(components @ mean) / deviations)
    out.kernel.assign(components * deviations[:, None])
    out.bias.assign(mean)


def linear_path(model):
    """The dense layers of the linear path of `model`: from pixels to the code (a posterior's mean), and back."""
    decoder = model.decoder.backbone
    if not isinstance(decoder, LinearPathDecoder):
        raise ZooError(f"{model.name} has no linear path to start from PCA; build it with linear_path=True.")
    bottleneck = model.bottleneck
    return (bottleneck.mean if hasattr(bottleneck, "mean") else bottleneck.dense), decoder.linear
