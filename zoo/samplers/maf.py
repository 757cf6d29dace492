"""The density of the codes by masked autoregressive flows (Papamakarios, Pavlakou & Murray 2017, arXiv:1705.07057).

Computing the density takes one pass, so that fitting is fast; sampling takes one pass per variable.
"""

import numpy as np

from zoo.errors import ZooError
from zoo.flows.autoregressive import Autoregressive, stack
from zoo.flows.density import FlowDensity
from zoo.samplers.network import NetworkSampler
from zoo.utils.batching import apply_in_batches


class MAFSampler(NetworkSampler):
    """Masked autoregressive flows, the order of the variables reversed between them, fitted by maximum likelihood.

    Args:
        blocks: number of flows.
        hidden: units of the hidden layers of each flow's MADE.
        epochs, batch_size, learning_rate, seed: settings of the fit, see `NetworkSampler`.
    """

    to_noise = True

    def __init__(self, blocks=5, hidden=(128, 128), epochs=100, batch_size=128, learning_rate=1e-3, seed=0):
        super().__init__(hidden, epochs, batch_size, learning_rate, seed)
        if blocks < 1:
            raise ZooError(f"got blocks={blocks}, expected at least 1.")
        self.blocks = blocks

    def build(self, units):
        return FlowDensity(stack(Autoregressive, units, self.blocks, self.hidden), units, self.to_noise)

    def log_density(self, z, batch_size=1024):
        """log p(z) in nats, (N,), of codes z (N, *code_shape); constant variables count with their standardized value, zero."""
        z = np.asarray(z, np.float32).reshape(len(z), -1)
        log_density = apply_in_batches(self.network, self.network.log_density, self.standardized(z), batch_size)
        return log_density - np.log(self.scale[self.scale > 0]).sum()
