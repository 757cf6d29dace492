"""The density of the codes by inverse autoregressive flows (Kingma et al. 2016, arXiv:1606.04934).

The maps are those of `zoo.samplers.maf` in the other direction: sampling takes one pass, and computing the density takes one pass
per variable. Fitting by maximum likelihood also differentiates through all of these passes.
"""

import keras

from zoo.samplers.maf import MAFSampler


class IAFSampler(MAFSampler):
    """Inverse autoregressive flows, the order of the variables reversed between them, fitted by maximum likelihood.

    Args:
        blocks: number of flows.
        hidden: units of the hidden layers of each flow's MADE.
        epochs, batch_size, learning_rate, seed: settings of the fit, see `NetworkSampler`.
    """

    to_noise = False

    def __init__(self, blocks=2, hidden=(64,), epochs=50, batch_size=256, learning_rate=2e-3, seed=0):
        super().__init__(blocks, hidden, epochs, batch_size, learning_rate, seed)

    @property
    def jit_compile(self):
        # TensorFlow's XLA has no gradient of a loop of unknown length.
        return False if keras.backend.backend() == "tensorflow" else "auto"
