"""Principal components, and a model with a linear path that begins there."""

import numpy as np

from zoo.autoencoder import Autoencoder
from zoo.backbones.linear_path import LinearPathDecoder
from zoo.errors import ZooError


def principal_components(x, count):
    """Mean (D,), components (count, D) and standard deviations (count,) along them, largest first, of rows x (N, D)."""
    x = np.asarray(x, dtype=np.float32)
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), 10_000):
        centred = x[start : start + 10_000] - mean
        covariance += centred.T @ centred
    values, vectors = np.linalg.eigh(covariance / len(x))
    order = np.argsort(values)[::-1][:count]
    components = np.ascontiguousarray(vectors[:, order].T, dtype=np.float32)
    return mean, components, np.sqrt(np.maximum(values[order], 0)).astype(np.float32)


def start_from_pca(model: Autoencoder, images):
    """Set the linear path of `model` to PCA of `images`, codes scaled to unit variance; the networks beside it start silent.

    Raises:
        ZooError: when the model has no linear path, or a code larger than its images.
    """
    into, out = linear_path(model)
    pixels = np.asarray(images).reshape(len(images), -1)
    pixels = pixels.astype(np.float32) / 255 if pixels.dtype == np.uint8 else pixels
    if into.units > pixels.shape[1]:
        raise ZooError(f"got a code of {into.units} numbers, expected at most the {pixels.shape[1]} that PCA gives.")
    mean, components, deviations = principal_components(pixels, into.units)
    # Along directions in which the images do not vary there is nothing to scale; rounding would be blown up.
    deviations = np.where(deviations > 1e-5 * deviations[0], deviations, np.float32(1))
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
