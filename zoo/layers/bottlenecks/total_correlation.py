"""The divergence of a variational code in three parts, one of which is its total correlation, estimated from a batch.

E KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || Π_d q(z_d)) + Σ_d KL(q(z_d) || p(z_d)), q(z) the mean of q(z|x_n) over all N images:
Chen, Li, Grosse & Duvenaud 2018, "Isolating sources of disentanglement in variational autoencoders", arXiv:1802.04942.
"""

import math

from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.utils.numbers import check_at_least

SAMPLINGS = ("stratified", "weighted")


class TotalCorrelationCode(GaussianCode):
    """A Gaussian code with the loss terms α I(x; z), β KL(q(z) || Π_d q(z_d)) and γ Σ_d KL(q(z_d) || p(z_d)), in nats.

    Each is estimated from one batch, so that single values may be negative.

    Args:
        units: number of latent variables.
        dataset_size: N, number of training images.
        alpha: α.
        beta: β.
        gamma: γ.
        sampling: how the batch represents all images, see `log_weights`.
    """

    loss_names = ("mutual_information", "total_correlation", "dimension_kl")

    def __init__(self, units, dataset_size, alpha, beta, gamma, sampling, **kwargs):
        check_at_least(0, alpha=alpha, gamma=gamma)
        super().__init__(units, beta=beta, **kwargs)
        if sampling not in SAMPLINGS:
            raise ZooError(f"got sampling={sampling!r}, expected one of {', '.join(SAMPLINGS)}.")
        if dataset_size < 1:
            raise ZooError(f"got dataset_size={dataset_size}, expected the number of training images.")
        self.dataset_size = dataset_size
        self.alpha = alpha
        self.gamma = gamma
        self.sampling = sampling

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        z = self.draw(mean, log_variance)
        weights = log_weights(ops.shape(z)[0], self.dataset_size, self.sampling)
        factors = (self.alpha, self.beta, self.gamma)
        for name, factor, part in zip(self.loss_names, factors, decomposition(z, mean, log_variance, weights)):
            # Terms of the whole batch, because the density at each code is estimated from all the others.
            self.add_term(name, factor * ops.mean(part))
        return ops.cast(z, self.compute_dtype)


def decomposition(z, mean, log_variance, weights):
    """Mutual information, total correlation and dimension-wise divergence at each z, three tensors (N,), in nats.

    They sum to log q(z|x) - log p(z) for any weights.

    Args:
        z: row i sampled from posterior i, (N, D).
        mean, log_variance: moments of the posteriors, (N, D).
        weights: logarithms (N, N) of the weight of posterior j in q(z_i), see `log_weights`.
    """
    # [i, j, d] is log q(z_id | x_j); the constant -½ log 2π cancels, but is kept so that all values are densities.
    every = _log_normal(z[:, None], mean[None], log_variance[None])
    conditional = ops.sum(_log_normal(z, mean, log_variance), axis=1)
    joint = ops.logsumexp(ops.sum(every, axis=2) + weights, axis=1)
    product = ops.sum(ops.logsumexp(every + weights[:, :, None], axis=1), axis=1)
    prior = ops.sum(_log_normal(z, ops.zeros_like(z), ops.zeros_like(z)), axis=1)
    return conditional - joint, joint - product, product - prior


def log_weights(batch, dataset_size, sampling):
    """Logarithms (B, B) of the weights of the posteriors j of a batch that estimate q(z_i) = 1/N Σ_n q(z_i|x_n).

    Args:
        batch: B, number of images of the batch.
        dataset_size: N; a batch with more images is treated as the whole data set.
        sampling: "stratified" is unbiased (appendix C.2 of the paper): weight 1/N for the own image, the remaining weight for one
            other image, 1/(B - 1) for the rest. "weighted" uses 1/(N B) for each (appendix C.1): q(z_i) is too small by a factor
            of B to N, which does not affect the gradient, but the variance is lower.
    """
    size = ops.cast(batch, "float32")
    everything = ops.maximum(float(dataset_size), size)
    index = ops.arange(batch)
    ahead = index[None] - index[:, None]
    if sampling == "weighted":
        return ops.zeros_like(ops.cast(ahead, "float32")) - ops.log(everything * size)
    others = ops.maximum(size - 1, 1.0)
    left_over = ops.logical_or(ahead == 1, ahead == 1 - batch)
    rest = ops.where(left_over, -ops.log(others) + ops.log((everything - others) / everything), -ops.log(others))
    return ops.where(ahead == 0, -ops.log(everything), rest)


def _log_normal(z, mean, log_variance):
    return -0.5 * (ops.square(z - mean) * ops.exp(-log_variance) + log_variance + math.log(2 * math.pi))
