"""The bottleneck of the adversarial autoencoder: a discriminator pushes the codes to the prior."""

import keras
from keras import ops

from zoo.layers.adversarial.adversary import Adversary, deception, dense_discriminator, detection
from zoo.layers.bottlenecks.code import DenseCode, NormalPrior
from zoo.utils.numbers import check_at_least


class AdversarialCode(NormalPrior, DenseCode):
    """A linear code whose distribution over the data is pushed to N(0, I): it charges what it costs the encoder that its codes
    are told from draws of the prior, and the discriminator's own loss (Makhzani et al. 2016, arXiv:1511.05644).

    Args:
        units: size of the code.
        weight: of the encoder's side, in units of the reconstruction loss.
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
        own, exerted = self.adversary.both(z)
        self.add_term("adversarial", self.weight * deception(exerted))
        self.add_term("discriminator", detection(self.adversary.own(prior), own))
        return z
