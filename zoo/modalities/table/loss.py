"""The reconstruction loss of tables, by kind of column; missing values are skipped."""

import math

import numpy as np
from keras import ops

from zoo.losses import ReconstructionLoss
from zoo.utils.numbers import check_positive


class TableLoss(ReconstructionLoss):
    """-log p(x|z) of the values of a row that are not missing, in nats, summed over its columns.

    Numbers, on the scale of `zoo.modalities.table.scaling`, are Gaussian with the decoder's outputs as means; categories have
    the outputs as logits.

    Args:
        numbers: n, the number of columns of numbers. Of the inputs (N, F), the first n are their values, and the next n are 1
            where a value is missing.
        sizes: number of slots of each category; those of a missing value are all 0.
        sigma: standard deviation of the numbers, in robust standard deviations of a column.
    """

    is_likelihood = True

    def __init__(self, numbers, sizes, sigma=0.5, name="table", **kwargs):
        check_positive(sigma=sigma)
        super().__init__(name, **kwargs)
        self.numbers, self.sizes, self.sigma = numbers, list(sizes), sigma
        # Sums over the slots of each category, as products with a matrix of zeros and ones.
        self._member = np.repeat(np.eye(len(self.sizes), dtype="float32"), self.sizes, axis=0)

    def parameters(self, channels):
        return self.numbers + sum(self.sizes)

    def by_column(self, x, outputs):
        """-log p of every column, (N, n + categories): the numbers first; 0 where a value is missing."""
        n, found = self.numbers, []
        if n:
            error = ops.square((outputs[:, :n] - x[:, :n]) / self.sigma)
            found.append((1 - x[:, n : 2 * n]) * 0.5 * (error + math.log(2 * math.pi * self.sigma**2)))
        if self.sizes:
            slots = x[:, 2 * n :]
            found.append(ops.matmul(-slots * self._log_probabilities(outputs[:, n:]), self._member))
        return ops.concatenate(found, axis=1)

    def _log_probabilities(self, logits):
        # One maximum for all categories of a row would underflow if their logits differ much: bounded, none of them does.
        logits = 30 * ops.tanh(logits / 30)
        total = ops.log(ops.matmul(ops.exp(logits), self._member))
        return logits - ops.matmul(total, self._member.T)

    def call(self, x, outputs):
        return ops.sum(self.by_column(x, outputs), axis=1)

    def to_image(self, outputs):
        """The outputs themselves: means of the numbers and logits, see `TableScaling.restore`."""
        return outputs
