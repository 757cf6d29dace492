"""Initialization of a dictionary of patches by spherical k-means of whitened patches of the training images
(Coates & Ng 2012, "Learning feature representations with k-means", Neural Networks: Tricks of the Trade)."""

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.dictionary import PatchDictionary, PatchesToImage, normalized
from zoo.modalities.image import unit_array
from zoo.models.base.autoencoder import Autoencoder
from zoo.utils.keras_internals import flatten_layers

# Maximum number of images that patches are taken from, and number of patches per image.
_IMAGES, _EACH = 20_000, 20
_BLOCK = 1000
# Added to the variances, as a fraction of their mean, so that directions of small variance are not amplified.
_SHARE = 0.05
_ITERATIONS = 10
# Number of patches that a decoder is fitted to, and its ridge penalty as a fraction of the mean square of the codes.
_DECODED, _RIDGE = 40_000, 1e-3


def start_from_patches(model: Autoencoder, images, seed=0):
    """Set the atoms of the dictionary of `model` by k-means of patches of images (N, ...), uint8 or floats 0..1.

    Patches are normalized, whitened and scaled to length 1; an atom also represents its negative. The responses to each atom have
    mean 0 and deviation 1. The decoder of patches is fitted to their codes by ridge regression.

    Raises:
        ZooError: if the model has no dictionary, or more atoms than there are patches.
    """
    layer = dictionary(model)
    rng = np.random.default_rng(seed)
    patches = _patches(images, layer.size, rng)
    if layer.atoms > len(patches):
        raise ZooError(
            f"got {layer.atoms} atoms, expected at most {len(patches)}, the number of patches in {len(images)} images."
        )
    kernel, bias = _dictionary_of(normalized(patches)[0], layer.atoms, rng)
    layer.responses.kernel.assign(kernel.reshape(layer.responses.kernel.shape))
    layer.responses.bias.assign(bias)
    for decoder in flatten_layers(model.decoder):
        if isinstance(decoder, PatchesToImage):
            _fit_decoder(decoder, layer, patches[rng.permutation(len(patches))[:_DECODED]])


def dictionary(model):
    """The `PatchDictionary` of `model`."""
    found = [layer for layer in flatten_layers(model.encoder) if isinstance(layer, PatchDictionary)]
    if not found:
        raise ZooError(f"{model.name} has no dictionary to initialize; start='patches' is for patch_dictionary.")
    return found[0]


def _patches(images, size, rng):
    """Patches (P, size * size * C), float32, at random positions of images (N, H, W, C)."""
    height, width = images.shape[1] - size + 1, images.shape[2] - size + 1
    chosen = rng.permutation(len(images))[:_IMAGES]
    found = []
    for start in range(0, len(chosen), _BLOCK):
        block = unit_array(images[np.sort(chosen[start : start + _BLOCK])])
        rows = np.repeat(np.arange(len(block)), _EACH)
        tops, lefts = rng.integers(0, height, len(rows)), rng.integers(0, width, len(rows))
        inside = np.arange(size)
        found.append(block[rows[:, None, None], (tops[:, None] + inside)[:, :, None], (lefts[:, None] + inside)[:, None, :]])
    return np.concatenate(found).astype(np.float32).reshape(len(chosen) * _EACH, -1)


def _fit_decoder(decoder, layer, patches):
    """Set the linear map of `decoder` by ridge regression of patches (P, D) on their codes, with the error in pixels."""
    target, _, contrast = normalized(patches.astype(np.float64))
    kernel = ops.convert_to_numpy(layer.responses.kernel).reshape(patches.shape[1], -1)
    kernel = kernel - kernel.mean(axis=0)
    products, mixed = 0.0, 0.0
    for start in range(0, len(patches), _BLOCK * 10):
        rows = slice(start, start + _BLOCK * 10)
        responses = target[rows].astype(np.float32) @ kernel + ops.convert_to_numpy(layer.responses.bias)
        code = ops.convert_to_numpy(layer.code(ops.convert_to_tensor(responses)))
        # The error in pixels is the error of the normalized patch times its contrast.
        weighted = np.concatenate([code, np.ones((len(code), 1), np.float32)], axis=1) * contrast[rows].astype(np.float32)
        products = products + (weighted.T @ weighted).astype(np.float64)
        mixed = mixed + weighted.T.astype(np.float64) @ (target[rows] * contrast[rows])
    penalty = np.full(len(products), _RIDGE * np.trace(products) / len(products))
    penalty[-1] = 1e-9 * products[-1, -1]
    solution = np.linalg.solve(products + np.diag(penalty), mixed)
    decoder.patch.kernel.assign(solution[:-1])
    decoder.patch.bias.assign(solution[-1])


def _dictionary_of(x, atoms, rng):
    """Kernel (D, atoms) and bias (atoms,) of a dictionary of patches (N, D): responses of mean 0 and deviation 1."""
    x = x.astype(np.float64)
    mean = x.mean(axis=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    values, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(values + _SHARE * values.mean())) @ vectors.T
    kernel = whitening @ spherical_k_means((x - mean) @ whitening, atoms, rng).T
    kernel /= np.sqrt(np.sum(kernel * (covariance @ kernel), axis=0))
    return kernel, -mean @ kernel


def spherical_k_means(x, count, rng):
    """Spherical k-means of rows (N, D), up to sign: atoms (count, D) of length 1. An atom without rows is set to a random row."""
    x = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    atoms = x[rng.permutation(len(x))[:count]]
    for _ in range(_ITERATIONS):
        total = np.zeros_like(atoms)
        for start in range(0, len(x), 10_000):
            rows = x[start : start + 10_000]
            similarity = rows @ atoms.T
            nearest = np.argmax(np.abs(similarity), axis=1)
            weighted = np.take_along_axis(similarity, nearest[:, None], axis=1) * rows
            # Sums over sorted rows take a tenth of the time of adding row by row.
            order = np.argsort(nearest, kind="stable")
            found, starts = np.unique(nearest[order], return_index=True)
            total[found] += np.add.reduceat(weighted[order], starts)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        empty = length[:, 0] < 1e-6
        total[empty] = x[rng.integers(0, len(x), empty.sum())]
        atoms = total / np.linalg.norm(total, axis=1, keepdims=True)
    return atoms
