"""A dictionary of patches that begins with words found in the training images: spherical k-means of whitened patches
(Coates & Ng 2012, "Learning feature representations with k-means", Neural Networks: Tricks of the Trade)."""

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.dictionary import PatchDictionary
from zoo.modalities.image import unit_array
from zoo.models.base.autoencoder import Autoencoder
from zoo.utils.keras_internals import flatten_layers

# Patches are taken from so many images at most, so many of each.
_IMAGES, _EACH = 20_000, 5
_BLOCK = 1000
# Added to the variances, as a share of their mean: directions in which patches hardly vary are not blown up.
_SHARE = 0.05
_ITERATIONS = 10


def start_from_patches(model: Autoencoder, images, seed=0):
    """Set the words of the dictionary of `model` to those that k-means finds in patches of images (N, ...).

    Patches are of what the dictionary reads, where the network has changed the image before; they are centred, whitened and
    scaled to length 1, and a word stands for its negative, too. The responses to every word have mean 0 and deviation 1.

    Raises:
        ZooError: when the model has no dictionary, or more words than there are patches to take.
    """
    layer = dictionary(model)
    rng = np.random.default_rng(seed)
    x = _patches(model, images, layer.size, rng)
    if layer.words > len(x):
        raise ZooError(f"got {layer.words} words, expected at most {len(x)}, the patches that {len(images)} images give.")
    kernel, bias = _dictionary_of(x, layer.words, rng)
    layer.responses.kernel.assign(kernel.reshape(layer.responses.kernel.shape))
    layer.responses.bias.assign(bias)


def dictionary(model):
    """The `PatchDictionary` of `model`."""
    found = [layer for layer in flatten_layers(model.encoder) if isinstance(layer, PatchDictionary)]
    if not found:
        raise ZooError(f"{model.name} has no dictionary to start from patches; build it on a U-Net with words=256.")
    return found[0]


def _patches(model, images, size, rng):
    """Patches (P, size * size * C), float32, at random places of what the dictionary of `model` reads of images (N, H, W, C)."""
    read = getattr(model.encoder.backbone, "image", ops.convert_to_tensor)
    height, width = images.shape[1] - size + 1, images.shape[2] - size + 1
    if height < 1 or width < 1:
        raise ZooError(
            f"got images of {images.shape[1]} x {images.shape[2]}, expected at least {size} x {size}, a patch of them."
        )
    chosen = rng.permutation(len(images))[:_IMAGES]
    found = []
    for start in range(0, len(chosen), _BLOCK):
        block = ops.convert_to_numpy(read(unit_array(images[np.sort(chosen[start : start + _BLOCK])])))
        rows = np.repeat(np.arange(len(block)), _EACH)
        tops, lefts = rng.integers(0, height, len(rows)), rng.integers(0, width, len(rows))
        inside = np.arange(size)
        found.append(block[rows[:, None, None], (tops[:, None] + inside)[:, :, None], (lefts[:, None] + inside)[:, None, :]])
    return np.concatenate(found).astype(np.float32).reshape(len(chosen) * _EACH, -1)


def _dictionary_of(x, words, rng):
    """Kernel (D, words) and bias (words,) of a dictionary of patches (N, D): responses of mean 0 and deviation 1."""
    x = x.astype(np.float64)
    mean = x.mean(axis=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    values, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(values + _SHARE * values.mean())) @ vectors.T
    kernel = whitening @ spherical_k_means((x - mean) @ whitening, words, rng).T
    kernel /= np.sqrt(np.sum(kernel * (covariance @ kernel), axis=0))
    return kernel, -mean @ kernel


def spherical_k_means(x, count, rng):
    """Directions (count, D) of length 1 that rows (N, D) lie along, in either sense; a word without rows begins anew at one."""
    x = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    words = x[rng.permutation(len(x))[:count]]
    for _ in range(_ITERATIONS):
        total = np.zeros_like(words)
        for start in range(0, len(x), 10_000):
            rows = x[start : start + 10_000]
            likeness = rows @ words.T
            nearest = np.argmax(np.abs(likeness), axis=1)
            np.add.at(total, nearest, np.take_along_axis(likeness, nearest[:, None], axis=1) * rows)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        empty = length[:, 0] < 1e-6
        total[empty] = x[rng.integers(0, len(x), empty.sum())]
        words = total / np.linalg.norm(total, axis=1, keepdims=True)
    return words
