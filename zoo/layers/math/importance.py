"""Importance weighting: likelihoods of several codes per image, and the bounds computed from them (Burda et al. 2016)."""

import math

import keras
from keras import ops

from zoo.layers.math.fast import softplus
from zoo.losses import Bernoulli


def log_densities(decode, loss, x, z):
    """log p(x|z) of `k` codes per image, (N, k) float32.

    All codes are decoded as one batch. Under a Bernoulli likelihood, x l - softplus(l) summed over the pixels, the images
    are not repeated in memory, because the first sum is a matrix product.

    Args:
        decode: function from codes (M, ...) to decoder outputs (M, ...).
        loss: a `ReconstructionLoss` that is a likelihood.
        x: images (N, ...), float32 0..1.
        z: codes (N, k, ...), a tensor or a structure of tensors, as the decoder takes it.
    """
    k = keras.tree.flatten(z)[0].shape[1]
    outputs = ops.cast(decode(keras.tree.map_structure(_rows, z)), "float32")
    if isinstance(loss, Bernoulli):
        pixels = math.prod(x.shape[1:])
        logits = ops.reshape(outputs, (-1, k, pixels))
        agreement = ops.matmul(logits, ops.reshape(x, (-1, pixels, 1)))
        return ops.squeeze(agreement, -1) - ops.sum(softplus(logits), axis=-1)
    return -ops.reshape(loss.call(ops.repeat(x, k, axis=0), outputs), (-1, k))


def _rows(z):
    return ops.reshape(z, (-1, *z.shape[2:]))


def importance_bound(log_weights, groups=1):
    """The mean over `groups` of log 1/k Σ_i w_i, (N,), of log weights (N, groups k), and its derivatives (N, groups k).

    The derivatives are the weights normalized within their group, divided by the number of groups; they sum to one.
    """
    grouped = ops.reshape(log_weights, (-1, groups, log_weights.shape[1] // groups))
    log_sums = ops.logsumexp(grouped, axis=-1, keepdims=True)
    bounds = ops.mean(log_sums[..., 0], axis=-1) - math.log(grouped.shape[-1])
    shares = ops.reshape(ops.exp(grouped - log_sums) / groups, (-1, log_weights.shape[1]))
    return bounds, ops.stop_gradient(shares)


def resample(shares, count, seed):
    """`count` indices per row, (N, count) integers, each index i chosen count · shares[n, i] times on average.

    Systematic resampling uses one uniform number per row; the count of each index differs from its average by less than one.

    Args:
        shares: (N, n), each row sums to one.
        count: number of indices per row.
        seed: a `SeedGenerator`.
    """
    start = keras.random.uniform((ops.shape(shares)[0], 1), seed=seed)
    points = (start + ops.arange(count, dtype="float32")) / count
    passed = ops.expand_dims(ops.cumsum(shares, axis=1), 1) <= ops.expand_dims(points, 2)
    # Because of rounding, the last point may lie beyond the last sum.
    return ops.minimum(ops.sum(ops.cast(passed, "int32"), axis=2), shares.shape[1] - 1)
