"""The bottleneck of regularized autoencoders: a deterministic code with an L2 penalty, and a Gaussian fitted to it."""

import keras
from keras import ops

from zoo.layers.bottlenecks.code import DenseCode
from zoo.layers.bottlenecks.moments import RunningMoments
from zoo.utils.numbers import check_at_least


class RegularizedCode(DenseCode):
    """A linear code that adds β ½ ||z||² to the loss, mean over the batch; the model adds the decoder's penalty, times λ.

    Ghosh et al. 2020, "From variational to deterministic autoencoders", arXiv:1903.12436. Samples are from a Gaussian
    fitted to the recent training codes, see `RunningMoments`.

    Args:
        units: size of the code.
        beta: β.
        weight: λ.
    """

    loss_names = ("embedding", "decoder_penalty")

    def __init__(self, units, beta, weight, **kwargs):
        check_at_least(0, beta=beta, weight=weight)
        super().__init__(units, **kwargs)
        self.beta = beta
        self.weight = weight
        self.moments = RunningMoments(units)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.moments.build()
        super().build(input_shape)

    def call(self, h, training=None):
        z = self.code(h)
        if training:
            self.moments.update(z)
        self.add_term("embedding", self.beta * 0.5 * ops.sum(ops.square(ops.cast(z, "float32")), axis=-1))
        return z

    def sample_prior(self, n, seed):
        return self.moments.draw(n, seed)
