"""The contractive penalty ||J||²_F, J the Jacobian of the code with respect to the input (Rifai et al. 2011)."""

import keras
from keras import ops

from zoo.layers.bottlenecks.code import DenseCode, flatten
from zoo.layers.math.gradients import vector_jacobian_product
from zoo.utils.numbers import check_at_least


class ContractiveSigmoidCode(DenseCode):
    """A sigmoid code h = σ(Wx + b) that adds λ ||J||²_F = λ Σ_j (h_j (1 - h_j))² Σ_i W_ij² to the loss, mean over the batch.

    This is exact only if the layer is applied to the input itself, that is, on a backbone without hidden layers.

    Args:
        units: size of the code.
        weight: λ.
    """

    loss_names = ("contraction",)

    def __init__(self, units, weight, **kwargs):
        check_at_least(0, weight=weight)
        super().__init__(units, "sigmoid", **kwargs)
        self.weight = weight

    def call(self, h):
        code = self.code(flatten(h))
        slope = ops.cast(code * (1 - code), "float32")
        lengths = ops.sum(ops.square(ops.cast(self.dense.kernel, "float32")), axis=0)
        self.add_term("contraction", self.weight * ops.sum(ops.square(slope) * lengths, axis=-1))
        return code


class ContractiveCode(DenseCode):
    """A code with the same penalty at any depth; the model, which owns the encoder, estimates it by `squared_jacobian_norm`."""

    loss_names = ("contraction",)

    def __init__(self, units, weight, activation="sigmoid", **kwargs):
        check_at_least(0, weight=weight)
        super().__init__(units, activation, **kwargs)
        self.weight = weight
        self.seed_generator = keras.random.SeedGenerator()


def squared_jacobian_norm(function, x, seed):
    """`function(x)` and an unbiased estimate (N,) of its squared Jacobian norm for each input.

    E ||vᵀJ||² = ||J||²_F for v ~ N(0, I) in the space of the code, so that one backward pass is enough at any depth.

    Args:
        function: from (N, ...) to (N, D), each row independent of the others.
        x: inputs (N, ...).
        seed: a `SeedGenerator`.
    """
    code, pull = vector_jacobian_product(function, x)
    v = keras.random.normal(ops.shape(code), dtype=code.dtype, seed=seed)
    return code, ops.sum(ops.square(ops.cast(flatten(pull(v)), "float32")), axis=-1)
