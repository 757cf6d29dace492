"""A penalty on the covariance of the codes (Kumar, Sattigeri & Balakrishnan 2018, arXiv:1711.00848)."""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.gaussian import GaussianCode, divergence
from zoo.utils.numbers import check_at_least

KINDS = ("I", "II")


class InferredPriorCode(GaussianCode):
    """A Gaussian code that adds KL, λ_od Σ_{i≠j} C_ij² and λ_d Σ_i (C_ii - 1)² to the loss, C the batch covariance of the codes.

    Args:
        units: number of latent variables.
        kind: "I", C = Cov μ(x), of the posterior means; "II", C = Cov μ(x) + E σ²(x), of the sampled codes.
        lambda_od: λ_od, weight of the off-diagonal elements.
        lambda_d: λ_d, weight of the diagonal elements.
    """

    loss_names = ("kl", "off_diagonal", "diagonal")

    def __init__(self, units, kind, lambda_od, lambda_d, **kwargs):
        check_at_least(0, lambda_od=lambda_od, lambda_d=lambda_d)
        super().__init__(units, **kwargs)
        if kind not in KINDS:
            raise ZooError(f"got kind={kind!r}, expected 'I' or 'II'.")
        self.kind = kind
        self.lambda_od = lambda_od
        self.lambda_d = lambda_d

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        self.add_term("kl", ops.sum(divergence(mean, log_variance), axis=-1))
        covariance = batch_covariance(mean)
        if self.kind == "II":
            covariance = covariance + ops.diag(ops.mean(ops.exp(log_variance), axis=0))
        off_diagonal, diagonal = distance_from_identity(covariance)
        self.add_term("off_diagonal", self.lambda_od * off_diagonal)
        self.add_term("diagonal", self.lambda_d * diagonal)
        return ops.cast(self.draw(mean, log_variance), self.compute_dtype)


def batch_covariance(x):
    """E x xᵀ - E x E xᵀ over the rows of x (N, D): (D, D)."""
    centered = x - ops.mean(x, axis=0, keepdims=True)
    return ops.matmul(ops.transpose(centered), centered) / ops.cast(ops.shape(x)[0], x.dtype)


def distance_from_identity(covariance):
    """Σ_{i≠j} C_ij² and Σ_i (C_ii - 1)² of a matrix (D, D)."""
    diagonal = ops.diagonal(covariance)
    off_diagonal = ops.sum(ops.square(covariance)) - ops.sum(ops.square(diagonal))
    return off_diagonal, ops.sum(ops.square(diagonal - 1))
