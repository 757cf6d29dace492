"""Maximum mean discrepancy between the distributions of two samples, and bottlenecks that use it as a penalty.

MMD²(P, Q) = E k(x, x') + E k(y, y') - 2 E k(x, y), x, x' ~ P and y, y' ~ Q: Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012,
"A kernel two-sample test", JMLR 13.
"""

import keras
from keras import ops

from zoo.layers.bottlenecks.code import DenseCode, NormalPrior
from zoo.layers.bottlenecks.gaussian import GaussianCode, divergence
from zoo.utils.numbers import check_at_least

# As in the code of the authors of the Wasserstein autoencoder.
_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def gaussian_kernel(distances, dimensions):
    """exp(-||x - y||² / 2D) of squared distances; the width is that of a standard normal in D dimensions."""
    return ops.exp(-distances / (2.0 * dimensions))


def inverse_multiquadratic_kernel(distances, dimensions):
    """Σ_s C_s / (C_s + ||x - y||²) of squared distances, C_s = 2 D s with s from 0.1 to 10, for codes near a standard normal.

    Tolstikhin et al. 2018, arXiv:1711.01558, section 4. Its tails are heavier than those of a Gaussian, so that outlying codes
    still have a gradient.
    """
    return sum(2.0 * dimensions * scale / (2.0 * dimensions * scale + distances) for scale in _SCALES)


def squared_distances(x, y):
    """||x_i - y_j||² (N, M), float32, of x (N, D) and y (M, D)."""
    x, y = ops.cast(x, "float32"), ops.cast(y, "float32")
    lengths = ops.sum(ops.square(x), axis=1)[:, None] + ops.sum(ops.square(y), axis=1)[None]
    # Rounding may make a distance of zero negative.
    return ops.maximum(lengths - 2 * ops.matmul(x, ops.transpose(y)), 0.0)


def biased_mmd(x, y, kernel):
    """The estimate from all pairs, including each row with itself: never negative, and zero if x and y are the same sample.

    Args:
        x, y: samples (N, D) and (M, D).
        kernel: function (squared distances, D) -> values.
    """
    within_x, within_y, between = _kernels(x, y, kernel)
    return ops.mean(within_x) + ops.mean(within_y) - 2 * ops.mean(between)


def unbiased_mmd(x, y, kernel):
    """The estimate without the pairs of a row with itself: unbiased, and therefore sometimes negative.

    Arguments are those of `biased_mmd`. For a sample with a single row, the mean over its own pairs is omitted.
    """
    within_x, within_y, between = _kernels(x, y, kernel)
    return _mean_of_pairs(within_x) + _mean_of_pairs(within_y) - 2 * ops.mean(between)


def _kernels(x, y, kernel):
    return [kernel(squared_distances(a, b), x.shape[1]) for a, b in ((x, x), (y, y), (x, y))]


def _mean_of_pairs(values):
    """Mean of a square matrix (N, N) off its diagonal."""
    n = ops.shape(values)[0]
    index = ops.arange(n)
    others = ops.cast(index[:, None] != index[None], "float32")
    return ops.sum(values * others) / ops.maximum(ops.sum(others), 1.0)


class WassersteinCode(NormalPrior, DenseCode):
    """A deterministic linear code with the loss term λ MMD²(codes, N(0, I)), unbiased, inverse multiquadratic kernel.

    Tolstikhin, Bousquet, Gelly & Schölkopf 2018, "Wasserstein auto-encoders", arXiv:1711.01558, algorithm 2.

    Args:
        units: size of the code.
        weight: λ, in units of the reconstruction loss.
    """

    loss_names = ("mmd",)

    def __init__(self, units, weight, **kwargs):
        check_at_least(0, lambda_=weight)
        super().__init__(units, **kwargs)
        self.weight = weight
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, h):
        code = self.code(h)
        prior = keras.random.normal(ops.shape(code), dtype="float32", seed=self.seed_generator)
        self.add_term("mmd", self.weight * unbiased_mmd(code, prior, inverse_multiquadratic_kernel))
        return code


class InfoCode(GaussianCode):
    """A Gaussian code with the loss terms (1 - α) KL(q(z|x) || p(z)) and (α + λ - 1) MMD²(q(z), p(z)), biased, Gaussian kernel.

    Zhao, Song & Ermon 2017, "InfoVAE: information maximizing variational autoencoders", arXiv:1706.02262, equation 6.

    Args:
        units: number of latent variables.
        alpha: α, weight of the mutual information of image and code.
        lambda_: λ.
    """

    loss_names = ("kl", "mmd")

    @property
    def in_nats(self):
        """False if α = 1, because then there is no divergence term."""
        return self.alpha != 1

    def __init__(self, units, alpha, lambda_, **kwargs):
        super().__init__(units, **kwargs)
        self.alpha = alpha
        self.lambda_ = lambda_

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        z = self.draw(mean, log_variance)
        prior = keras.random.normal(ops.shape(z), dtype="float32", seed=self.seed_generator)
        self.add_term("kl", (1 - self.alpha) * ops.sum(divergence(mean, log_variance), axis=-1))
        self.add_term("mmd", (self.alpha + self.lambda_ - 1) * biased_mmd(z, prior, gaussian_kernel))
        return ops.cast(z, self.compute_dtype)
