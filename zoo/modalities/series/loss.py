"""The reconstruction loss of series; missing values are skipped."""

import math

from keras import ops

from zoo.losses import ReconstructionLoss
from zoo.utils.numbers import check_positive


class SeriesLoss(ReconstructionLoss):
    """-log p(x|z) of the values of a window that are not missing, Gaussian with the decoder's outputs as means, in nats.

    Args:
        channels: C; of the inputs (N, L, 2 C), the first C are the values, and the others are 1 where a value is missing.
        sigma: standard deviation of the values, on the scale of the inputs.
    """

    is_likelihood = True

    def __init__(self, channels, sigma=0.5, name="series", **kwargs):
        check_positive(sigma=sigma)
        super().__init__(name, **kwargs)
        self.channels, self.sigma = channels, sigma

    def parameters(self, channels):
        return self.channels

    def by_step(self, x, outputs):
        """-log p of every time step, (N, L): the sum over its channels; 0 where all are missing."""
        values, known = x[..., : self.channels], 1 - x[..., self.channels :]
        error = ops.square((outputs[..., : self.channels] - values) / self.sigma)
        return ops.sum(known * 0.5 * (error + math.log(2 * math.pi * self.sigma**2)), axis=-1)

    def call(self, x, outputs):
        return ops.sum(self.by_step(x, outputs), axis=1)

    def to_image(self, outputs):
        """The outputs themselves, see `SeriesScaling.restore`."""
        return outputs
