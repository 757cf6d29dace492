"""The bottleneck of the adversarial autoencoder: a discriminator matches the distribution of the codes to the prior."""

import keras
from keras import ops

from zoo.layers.adversarial.adversary import Adversary, dense_discriminator, discriminator_loss, generator_loss
from zoo.layers.bottlenecks.code import DenseCode, NormalPrior
from zoo.utils.numbers import check_at_least


class AdversarialCode(NormalPrior, DenseCode):
    """A linear code whose distribution over the data is matched to N(0, I) (Makhzani et al. 2016, arXiv:1511.05644).

    Adds two terms to the loss: the encoder's loss if the discriminator can tell its codes from samples of the prior, and the
    discriminator's own loss.

    Args:
        units: size of the code.
        weight: weight of the encoder's adversarial loss, in units of the reconstruction loss.
        discriminator: units of the discriminator's hidden layers.
        rate: factor on the discriminator's learning rate, see `Adversary`.
    """

    loss_names = ("adversarial", "discriminator")

    def __init__(self, units, weight, discriminator, rate=1.0, **kwargs):
        check_at_least(0, weight=weight)
        super().__init__(units, **kwargs)
        self.weight = weight
        self.adversary = Adversary(dense_discriminator(discriminator), rate)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.adversary.build((None, *self.code_shape))
        super().build(input_shape)

    def call(self, h):
        z = self.code(h)
        prior = keras.random.normal(ops.shape(z), dtype=z.dtype, seed=self.seed_generator)
        for_discriminator, for_generator = self.adversary.for_both(z)
        self.add_term("adversarial", self.weight * generator_loss(for_generator))
        self.add_term("discriminator", discriminator_loss(self.adversary.for_discriminator(prior), for_discriminator))
        return z
