"""The bottleneck of FactorVAE: the total correlation of the code, estimated by a discriminator as a density ratio."""

import keras
from keras import ops

from zoo.layers.adversarial.adversary import Adversary, dense_discriminator, discriminator_loss
from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.utils.numbers import check_at_least


class FactorCode(GaussianCode):
    """A Gaussian code that adds its divergence, γ E_q(z) D(z), and the discriminator's own loss to the loss.

    D distinguishes codes from codes with each variable permuted over the batch. At its optimum D(z) = log q(z) / Π_d q(z_d), with
    the mean KL(q(z) || Π_d q(z_d)), the total correlation, in nats (Kim & Mnih 2018, arXiv:1802.05983, equation 3).

    Args:
        units: number of latent variables.
        gamma: γ.
        discriminator: units of the discriminator's hidden layers.
        rate: factor on the discriminator's learning rate, see `Adversary`.
        beta: weight of the divergence.
    """

    loss_names = ("kl", "tc", "discriminator")

    def __init__(self, units, gamma, discriminator, rate=1.0, beta=1.0, **kwargs):
        check_at_least(0, gamma=gamma)
        super().__init__(units, beta, **kwargs)
        self.gamma = gamma
        self.adversary = Adversary(dense_discriminator(discriminator), rate)

    def build(self, input_shape):
        self.adversary.build((None, *self.code_shape))
        super().build(input_shape)

    def call(self, h, training=None):
        z = super().call(h, training)
        for_discriminator, for_generator = self.adversary.for_both(z)
        self.add_term("tc", self.gamma * ops.mean(for_generator))
        independent = permute_variables(z, self.seed_generator)
        self.add_term("discriminator", discriminator_loss(for_discriminator, self.adversary.for_discriminator(independent)))
        return z


def permute_variables(z, seed):
    """(N, D) -> (N, D): each column permuted independently, so that the variables become independent."""
    order = ops.argsort(keras.random.uniform(ops.shape(z), seed=seed), axis=0)
    return ops.take_along_axis(z, order, axis=0)
