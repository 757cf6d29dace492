"""A divergence that follows a rising capacity (Burgess et al. 2018, "Understanding disentangling in β-VAE", arXiv:1804.03599)."""

from keras import ops

from zoo.layers.bottlenecks.gaussian import GaussianCode, divergence
from zoo.layers.state import add_state
from zoo.utils.numbers import check_at_least


class CapacityCode(GaussianCode):
    """A Gaussian code that adds γ |KL - C| to the loss, KL in nats, summed over the code, mean over the batch.

    Args:
        units: number of latent variables.
        gamma: γ.
        c_max: final value of C, in nats.
        c_steps: training steps over which C rises linearly from 0 to `c_max`; validation uses the current C.
    """

    loss_names = ("capacity_gap",)

    def __init__(self, units, gamma, c_max, c_steps, **kwargs):
        check_at_least(0, gamma=gamma, c_max=c_max)
        check_at_least(1, c_steps=c_steps)
        super().__init__(units, **kwargs)
        self.gamma = gamma
        self.c_max = c_max
        self.c_steps = c_steps

    def build(self, input_shape):
        super().build(input_shape)
        self.step = add_state(self, "step")

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        kl = ops.sum(ops.mean(divergence(mean, log_variance), axis=0))
        self.add_term("capacity_gap", self.gamma * ops.abs(kl - self._capacity(training)))
        return ops.cast(self.draw(mean, log_variance), self.compute_dtype)

    def _capacity(self, training):
        if training:
            self.step.assign_add(1.0)
        return self.c_max * ops.minimum(ops.convert_to_tensor(self.step) / self.c_steps, 1.0)
