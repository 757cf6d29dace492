"""The Fréchet distance between two sets of images, computed from Gaussians that are fitted to their features.

Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", arXiv:1706.08500.
"""

import hashlib
import os
from pathlib import Path

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.modalities.image import check_images
from zoo.modalities.tensors import to_unit
from zoo.utils.batching import apply_in_batches

# Default encoder by data set: (encoder, layer, pool). The encoders have a few hundred features, so that ten thousand images are
# enough to estimate a covariance. On MNIST, the last feature maps of a convolutional autoencoder, averaged over the image (128);
# on CIFAR-10, the last feature maps of a denoising autoencoder, averaged over a 2 x 2 grid (256).
ENCODERS = {"mnist": ("ae_conv.mnist", "stage3", "mean"), "cifar10": ("dae_conv.cifar10", "stage2", 2)}

_INCEPTION = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
# The hash that keras.applications expects.
_INCEPTION_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
_INCEPTION_SIDE = 299


def frechet_distance(x, y):
    """||m - n||² + tr(A + B - 2 (A^½ B A^½)^½) of features x (N, D) and y (M, D) with means m, n and covariances A, B, a float.

    Computed in float64. The trace of the root is the sum of the singular values of A^½ B^½, which is more precise than the
    root of a product.

    Raises:
        ZooError: if the numbers of features differ, a set has fewer than two rows, or a value is not finite.
    """
    x, y = (np.asarray(z, np.float64) for z in (x, y))
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ZooError(f"got features of shapes {x.shape} and {y.shape}, expected (N, D) and (M, D) of two rows or more.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ZooError("got NaN or infinite features, expected finite ones; check the images and the encoder.")
    (m, a), (n, b) = ((z.mean(axis=0), np.cov(z, rowvar=False).reshape(z.shape[1], -1)) for z in (x, y))
    shared = np.linalg.svd(_root(a) @ _root(b), compute_uv=False).sum()
    # Rounding may give a small negative number.
    return max(0.0, float(np.square(m - n).sum() + np.trace(a) + np.trace(b) - 2 * shared))


def _root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def encoder_features(name, layer=None, pool=None):
    """A function from images (N, H, W, C), uint8 or floats 0..1, to the features (N, D) of a weight set.

    Args:
        name: of a weight set, or a folder that `zoo.save` wrote.
        layer, pool: see `Encoder.at`.
    """
    import zoo

    model = zoo.load(name)
    extractor = model.encoder.at(layer, pool)

    def features(images):
        if np.shape(images)[1:] != model.data_shape:
            raise ZooError(f"{name} takes images of shape {model.data_shape}, got {np.shape(images)[1:]}; use another encoder.")
        return apply_in_batches(extractor, extractor.call, check_images(images, model.data_shape), 256)

    return features


def inception_file():
    """Path of the InceptionV3 weights in the cache of Keras; raises the errors of `inception_features`."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / _INCEPTION
    if not path.is_file():
        raise ZooError(
            f"the weights of InceptionV3 are not at {path}, and the metric fid does not download them; download them with "
            "keras.applications.InceptionV3(include_top=False), or measure frechet_distance instead."
        )
    if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != _INCEPTION_MD5:
        raise ZooError(f"{path} does not match the hash that keras.applications expects; delete it and download it again.")
    return path


def inception_features():
    """A function from images (N, H, W, 1 or 3), uint8 or floats 0..1, to the 2048 features of InceptionV3 of keras.applications.

    Raises:
        ZooError: if the weights are not in the cache of Keras or do not match their hash. Nothing is downloaded.
    """
    path, order = str(inception_file()), keras.config.image_data_format()
    # keras.applications builds the network for the global image_data_format, and images of the zoo have their channels last.
    keras.config.set_image_data_format("channels_last")
    try:
        network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=path)
    finally:
        keras.config.set_image_data_format(order)

    def features_of(x):
        x = to_unit(x, "float32")
        x = ops.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
        x = ops.image.resize(x, (_INCEPTION_SIDE, _INCEPTION_SIDE), interpolation="bilinear", data_format="channels_last")
        return network(x * 2 - 1, training=False)

    def features(images):
        shape = np.shape(images)
        if len(shape) != 4 or shape[-1] not in (1, 3):
            raise ZooError(f"InceptionV3 takes images (N, H, W, 1 or 3), got {shape}; measure frechet_distance instead.")
        return apply_in_batches(network, features_of, check_images(images, shape[1:]), 64)

    return features
