"""A codebook learned by gradients, as in VQGAN (Esser, Rombach & Ommer 2021, arXiv:2012.09841)."""

import keras
from keras import ops

from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.codebook import nearest
from zoo.layers.bottlenecks.discrete import DiscreteCode, straight_through
from zoo.utils.numbers import check_at_least


class LearnedCodebook(DiscreteCode):
    """ẑ = the code nearest to z; adds mean (sg[z] - ẑ)² + β mean (z - sg[ẑ])² to the loss (van den Oord et al. 2017).

    Args:
        width: size of a code.
        codes: number of codes.
        beta: β, weight of the commitment loss.
    """

    loss_names = ("codebook",)

    def __init__(self, width, codes, beta=0.25, **kwargs):
        check_at_least(0, beta=beta)
        super().__init__(width, codes, groups=1, **kwargs)
        self.beta = beta

    def build(self, input_shape):
        spread = 1 / self.code_count
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.code_count, self.width),
            initializer=keras.initializers.RandomUniform(-spread, spread),
            dtype="float32",
            autocast=False,
        )
        super().build(input_shape)

    def call(self, h):
        z = self.vectors(h)
        found = self.embed(self._nearest(z))
        moved = ops.square(found - ops.stop_gradient(z))
        committed = ops.square(z - ops.stop_gradient(found))
        self.add_term("codebook", ops.mean(flatten(moved + self.beta * committed), axis=-1))
        return self.as_code(straight_through(z, found))

    def indices(self, h):
        return self._nearest(self.vectors(h))

    def embed(self, indices):
        return ops.take(ops.convert_to_tensor(self.embeddings), indices, axis=0)

    def _nearest(self, z):
        flat = ops.stop_gradient(ops.reshape(z, (-1, self.width)))
        return ops.reshape(nearest(flat, ops.convert_to_tensor(self.embeddings)), (-1, *self.index_shape))
