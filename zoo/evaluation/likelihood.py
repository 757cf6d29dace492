"""The likelihood of images under a variational model, by importance sampling."""

import math

import keras
import numpy as np
from keras import ops

from zoo.data.transforms import binarize
from zoo.errors import ZooError
from zoo.layers.math.importance import log_densities
from zoo.utils.batching import compiled

# Approximate number of decoder outputs in one call, which limits the memory use to some tens of megabytes.
_NUMBERS_A_CALL = 4_000_000


def log_likelihood(model, images, k=5000, seed=0, comparable=False):
    """log p(x) in nats, (N,) float64, a lower bound estimated by `k` importance samples per image.

    log 1/k Σ_i p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x): Burda, Grosse & Salakhutdinov 2016, "Importance weighted
    autoencoders", arXiv:1509.00519, equation 8. With k = 1 its mean is the evidence lower bound.

    Args:
        model: an `Autoencoder` with a likelihood ("bernoulli", "gaussian" with a fixed sigma, "logistic_mixture") and a
            bottleneck with importance samples.
        images: (N, *input_shape), uint8 or floats 0..1. Under "bernoulli", a density of zeros and ones, other images
            are binarized once at random, with their pixel values as probabilities, see `zoo.data.transforms.binarize`.
        k: number of samples per image.
        seed: of the samples and the binarization.
        comparable: whether the values of single images will be compared. Each image then gets the same random numbers,
            independently of the other images, and under "bernoulli" gray levels are kept: their value is the mean over
            binarizations (the cross-entropy). For a mean over many images, independent samples are more precise, and faster.

    Raises:
        ZooError: if the model has no such likelihood.
    """
    return _reduce(model, images, k, seed, comparable)[0] - math.log(k)


def elbo(model, images, k=1, seed=0):
    """The evidence lower bound E_q [log p(x|z) + log p(z) - log q(z|x)] in nats, (N,) float64, by `k` samples per image.

    Arguments and errors are the same as for `log_likelihood`.
    """
    return _reduce(model, images, k, seed, comparable=False)[1] / k


def bits_per_dim(nats, shape):
    """Bits per pixel and channel, from the negative log-likelihood in nats of images of `shape` with 256 levels."""
    return nats / (math.prod(shape) * math.log(2))


def _reduce(model, images, k, seed, comparable):
    """Log of the sum, and sum, of the log weights of `k` samples: (2, N) float64."""
    if k < 1:
        raise ZooError(f"got k={k} importance samples, expected at least 1.")
    _check_density(model)
    images = model.modality.check(images, model.data_shape)
    images = images if comparable else _binary_if_bernoulli(model, images, seed)
    at_once = max(1, _NUMBERS_A_CALL // (math.prod(model.data_shape[:-1]) * _outputs(model)))
    block = 1 if comparable else min(len(images), max(1, at_once // k))
    counts = [min(k, at_once)] * (k // min(k, at_once))
    counts += [k - sum(counts)] if k > sum(counts) else []
    weigh = {count: compiled(model, _weights_function(model, count)) for count in set(counts)}
    seeds = keras.random.SeedGenerator(seed)
    drawn = [seeds.next() for _ in counts] if comparable else None
    found = []
    for start in range(0, len(images), block):
        x = images[start : start + block]
        padded = np.concatenate([x, np.repeat(x[-1:], block - len(x), axis=0)])
        log_sum, total = np.full(block, -np.inf), np.zeros(block)
        for count, key in zip(counts, drawn or (seeds.next() for _ in counts)):
            part = np.asarray(ops.convert_to_numpy(weigh[count]((padded, key))), np.float64)
            log_sum, total = np.logaddexp(log_sum, part[0]), total + part[1]
        found.append(np.stack([log_sum, total])[:, : len(x)])
    return np.concatenate(found, axis=1)


def _weights_function(model, count):
    def weigh(inputs):
        images, seed = inputs
        h = model.encoder.backbone(model.modality.to_input(images, model.compute_dtype))
        z, log_ratio = model.bottleneck.importance_samples(h, count, _SeedArgument(seed))
        x = model.modality.to_input(images, "float32")

        def decode(rows):
            return model.decoder.outputs(rows, ops.repeat(x, count, axis=0))

        log_weight = log_ratio + log_densities(decode, model.reconstruction_loss, x, z)
        return ops.stack([ops.logsumexp(log_weight, axis=1), ops.sum(log_weight, axis=1)])

    return weigh


class _SeedArgument(keras.random.SeedGenerator):
    """A seed generator that starts at a given seed: an argument of compiled functions, so that each call has new noise.

    A bottleneck may ask for several seeds per call: each of them is different.
    """

    def __init__(self, seed):
        self._seed, self._draws = seed, 0

    def next(self, ordered=True):
        draws, self._draws = self._draws, self._draws + 1
        # The first of the two numbers is changed, because the second one counts the calls.
        moved = ops.convert_to_tensor([draws * 65_536, 0])
        return self._seed + ops.cast(moved, self._seed.dtype) if draws else self._seed


def _outputs(model):
    return model.reconstruction_loss.parameters(model.data_shape[-1])


def has_likelihood(model):
    """Whether `log_likelihood` supports this model."""
    try:
        _check_density(model)
    except ZooError:
        return False
    return True


def _check_density(model):
    loss = model.reconstruction_loss
    if not loss.is_likelihood:
        raise ZooError(
            f"the reconstruction loss {loss.name!r} does not define a likelihood, expected 'bernoulli', 'gaussian' or "
            "'logistic_mixture'."
        )
    if getattr(loss, "sigma", 1.0) is None:
        raise ZooError(
            "the gaussian loss estimates sigma from each batch, so it does not define a density; set sigma to a fixed value."
        )
    if not hasattr(model.bottleneck, "importance_samples"):
        raise ZooError(
            f"{type(model.bottleneck).__name__} has no posterior to sample from; use a variational model, such as vae."
        )


def _binary_if_bernoulli(model, images, seed):
    if model.reconstruction_loss.name != "bernoulli":
        return images
    if images.dtype != np.uint8 and np.all((images == 0) | (images == 1)):
        return images
    return binarize(images, seed)
