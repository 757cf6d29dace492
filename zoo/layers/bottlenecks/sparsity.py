"""Sparse codes by a penalty: L1 on the activations, or the KL divergence of the mean activation from a target."""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import DenseCode
from zoo.utils.numbers import check_at_least

_EPSILON = 1e-6


class L1Code(DenseCode):
    """A code that adds λ Σ_j |h_j| to the loss, mean over the batch.

    Args:
        units: size of the code.
        weight: λ, in units of the reconstruction loss per unit of activation.
    """

    loss_names = ("sparsity",)

    def __init__(self, units, weight, activation="relu", **kwargs):
        check_at_least(0, weight=weight)
        super().__init__(units, activation, **kwargs)
        self.weight = weight

    def call(self, h):
        code = self.code(h)
        self.add_term("sparsity", self.weight * ops.sum(ops.abs(ops.cast(code, "float32")), axis=-1))
        return code


class KLSparseCode(DenseCode):
    """A sigmoid code that adds β Σ_j KL(ρ || ρ̂_j) to the loss, ρ̂_j the batch mean of unit j (Ng 2011, CS294A lecture notes).

    Args:
        units: size of the code.
        weight: β.
        target: ρ, the target mean activation, between 0 and 1.
    """

    loss_names = ("sparsity",)

    def __init__(self, units, weight, target, **kwargs):
        if not 0 < target < 1:
            raise ZooError(f"got a target activation of {target}, expected a number between 0 and 1, such as 0.05.")
        check_at_least(0, weight=weight)
        super().__init__(units, "sigmoid", **kwargs)
        self.weight = weight
        self.target = target

    def call(self, h):
        code = self.code(h)
        self.add_term("sparsity", self.weight * ops.sum(kl_sparsity(ops.mean(ops.cast(code, "float32"), axis=0), self.target)))
        return code


def kl_sparsity(mean, target):
    """KL divergence, in nats, of Bernoulli variables with means `mean` (D,) from one with mean `target`: (D,)."""
    mean = ops.clip(mean, _EPSILON, 1 - _EPSILON)
    return target * ops.log(target / mean) + (1 - target) * ops.log((1 - target) / (1 - mean))
