"""Vector quantization (van den Oord, Vinyals & Kavukcuoglu 2017, arXiv:1711.00937) and residual vector quantization
(Lee et al. 2022, arXiv:2203.01941)."""

from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.codebook import Codebook
from zoo.layers.bottlenecks.discrete import DiscreteCode, straight_through
from zoo.utils.numbers import check_at_least


class ResidualVectorQuantizer(DiscreteCode):
    """ẑ = e₁ + ... + e_D, where e_d is the code nearest to the residual z - e₁ - ... - e_(d-1).

    The loss term is the commitment loss, β Σ_d mean (z - sg[e₁ + ... + e_d])². The gradient of the decoder is passed straight
    through to z, and the codebooks are learned by moving averages, see `Codebook`.

    Args:
        width: size of a code.
        codes: number of codes per codebook.
        groups: number of vectors per code, if the encoder's output is a vector.
        depth: D, number of codes per vector.
        shared: whether all depths share one codebook.
        commitment: β.
        decay: decay of the codebooks' moving averages, per training step.
    """

    loss_names = ("commitment",)

    def __init__(self, width, codes, groups=1, depth=1, shared=False, commitment=0.25, decay=0.99, **kwargs):
        check_at_least(0, commitment=commitment)
        super().__init__(width, codes, groups, **kwargs)
        if depth < 1:
            raise ZooError(f"got depth={depth}, expected at least 1.")
        if not 0 <= decay < 1:
            raise ZooError(f"got decay={decay}, expected a number in [0, 1).")
        self.depth = depth
        self.commitment = commitment
        self.codebook_count = 1 if shared else depth
        self.codebooks = [Codebook(codes, width, decay) for _ in range(self.codebook_count)]

    def build(self, input_shape):
        for codebook in self.codebooks:
            codebook.build()
        super().build(input_shape)

    @property
    def index_shape(self):
        return (*self.positions, self.depth)

    def _codebook(self, depth):
        return self.codebooks[depth % self.codebook_count]

    def call(self, h, training=None):
        z = self.vectors(h)
        x = ops.stop_gradient(ops.reshape(z, (-1, self.width)))
        residuals, indices = self._quantize(x, start=training)
        quantized, commitment = 0.0, 0.0
        for depth, index in enumerate(indices):
            quantized += ops.reshape(self._codebook(depth).embed(index), ops.shape(z))
            commitment += ops.mean(flatten(ops.square(z - ops.stop_gradient(quantized))), axis=-1)
        self.add_term("commitment", self.commitment * commitment)
        if training:
            for i, codebook in enumerate(self.codebooks):
                # A shared codebook is updated with the residuals of all depths.
                codebook.update(
                    ops.concatenate(residuals[i :: self.codebook_count]), ops.concatenate(indices[i :: self.codebook_count])
                )
        return self.as_code(straight_through(z, quantized))

    def _quantize(self, x, start=False):
        """The residual that each depth quantizes, [(M, width)], and its indices, [(M,)]."""
        residuals, indices = [], []
        for depth in range(self.depth):
            if start and depth < self.codebook_count:
                self._codebook(depth).start(x)
            residuals.append(x)
            indices.append(self._codebook(depth).nearest(x))
            x = x - self._codebook(depth).embed(indices[-1])
        return residuals, indices

    def indices(self, h):
        _, indices = self._quantize(ops.reshape(self.vectors(h), (-1, self.width)))
        return ops.reshape(ops.stack(indices, axis=-1), (-1, *self.index_shape))

    def embed(self, indices):
        indices = ops.convert_to_tensor(indices)
        return sum(self._codebook(depth).embed(indices[..., depth]) for depth in range(self.depth))


class VectorQuantizer(ResidualVectorQuantizer):
    """ẑ = the code nearest to z, of one codebook for all positions; adds β mean (z - sg[ẑ])² to the loss.

    Indices are (N, *positions). Arguments are those of `ResidualVectorQuantizer`, except `depth` and `shared`.
    """

    def __init__(self, width, codes, groups=1, commitment=0.25, decay=0.99, **kwargs):
        super().__init__(width, codes, groups, depth=1, commitment=commitment, decay=decay, **kwargs)

    @property
    def index_shape(self):
        return self.positions

    def embed(self, indices):
        return self._codebook(0).embed(indices)
