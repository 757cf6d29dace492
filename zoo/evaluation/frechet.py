"""The Fréchet distance between two sets of images: of Gaussians fitted to their features.

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

# What looks, by data set: (encoder, layer, pool). Codes of convolutional sets with features in the low hundreds, so that ten
# thousand images fix a covariance: on MNIST the last maps of an autoencoder whose 16 numbers hold the digit, averaged over the
# image (128); on CIFAR-10 the last maps of the denoising encoder on a 2 x 2 grid (256), the set that knows most of the classes.
ENCODERS = {"mnist": ("ae_conv.mnist", "stage3", "mean"), "cifar10": ("dae_conv.cifar10", "stage2", 2)}

_INCEPTION = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
# As pinned in keras.applications.
_INCEPTION_MD5 = "bcbd6486424b2319ff4ef7d526e38f63"
_INCEPTION_SIDE = 299


def frechet_distance(x, y):
    """||m - n||² + tr(A + B - 2 (A^½ B A^½)^½) of features x (N, D) and y (M, D) with means m, n and covariances A, B, a float.

    In float64. The root's trace is the sum of the singular values of A^½ B^½, which loses no half of the digits to a square.

    Raises:
        ZooError: on sets of different features, of fewer than two rows, or not finite.
    """
    x, y = (np.asarray(z, np.float64) for z in (x, y))
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ZooError(f"got features of shapes {x.shape} and {y.shape}, expected (N, D) and (M, D) of two rows or more.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ZooError("got NaN or infinite features, expected finite ones; the images or the encoder are broken.")
    (m, a), (n, b) = ((z.mean(axis=0), np.cov(z, rowvar=False).reshape(z.shape[1], -1)) for z in (x, y))
    shared = np.linalg.svd(_root(a) @ _root(b), compute_uv=False).sum()
    # Rounding alone would make it less than nothing.
    return max(0.0, float(np.square(m - n).sum() + np.trace(a) + np.trace(b) - 2 * shared))


def _root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def encoder_features(name, layer=None, pool=None):
    """A function from images (N, H, W, C), uint8 or floats 0..1, to the features (N, D) of a weight set at a depth.

    Args:
        name: of a weight set, or a folder that `zoo.save` wrote.
        layer, pool: see `Encoder.at`.
    """
    import zoo

    model = zoo.load(name)
    extractor = model.encoder.at(layer, pool)

    def features(images):
        if np.shape(images)[1:] != model.data_shape:
            raise ZooError(f"{name} reads images {model.data_shape}, got {np.shape(images)[1:]}; name another encoder.")
        return apply_in_batches(extractor, extractor.call, check_images(images, model.data_shape), 256)

    return features


def inception_file():
    """The path of InceptionV3's weights in Keras's cache; errors as `inception_features`."""
    path = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models" / _INCEPTION
    if not path.is_file():
        raise ZooError(
            f"the weights of InceptionV3 are not at {path}, and fid downloads nothing; fetch them once with "
            "keras.applications.InceptionV3(include_top=False), or measure frechet_distance instead."
        )
    if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != _INCEPTION_MD5:
        raise ZooError(f"{path} is not the file that keras.applications pins; delete it and fetch it again.")
    return path


def inception_features():
    """A function from images (N, H, W, 1 or 3), uint8 or floats 0..1, to the 2048 features of InceptionV3 of keras.applications.

    Raises:
        ZooError: when its weights are not in Keras's cache, or not those that Keras pins; nothing is downloaded.
    """
    path, order = str(inception_file()), keras.config.image_data_format()
    # keras.applications builds for the order of axes that is set, and images here have their channels last.
    keras.config.set_image_data_format("channels_last")
    try:
        network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=path)
    finally:
        keras.config.set_image_data_format(order)

    def look(x):
        x = to_unit(x, "float32")
        x = ops.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
        x = ops.image.resize(x, (_INCEPTION_SIDE, _INCEPTION_SIDE), interpolation="bilinear", data_format="channels_last")
        return network(x * 2 - 1, training=False)

    def features(images):
        shape = np.shape(images)
        if len(shape) != 4 or shape[-1] not in (1, 3):
            raise ZooError(f"InceptionV3 reads images (N, H, W, 1 or 3), got {shape}; measure frechet_distance instead.")
        return apply_in_batches(network, look, check_images(images, shape[1:]), 64)

    return features
