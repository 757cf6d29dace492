"""The density of the codes by inverse autoregressive flows (Kingma et al. 2016, arXiv:1606.04934).

The same maps as in `zoo.samplers.maf`, laid the other way: a draw takes one pass. The price is paid in the fit, by maximum
likelihood still: the noise behind a code is found one variable at a time, and gradients go back through all of them, so that a
step costs about as many passes as the code has variables.
"""

import keras

from zoo.samplers.maf import MAFSampler


class IAFSampler(MAFSampler):
    """Inverse autoregressive flows, the order of the variables reversed between them, fitted by maximum likelihood.

    Args:
        blocks: number of flows.
        hidden: units of the hidden layers of every flow's MADE.
        epochs, batch_size, learning_rate, seed: of the fit, see `NetworkSampler`.
    """

    to_noise = False

    def __init__(self, blocks=2, hidden=(64,), epochs=50, batch_size=256, learning_rate=2e-3, seed=0):
        super().__init__(blocks, hidden, epochs, batch_size, learning_rate, seed)

    @property
    def jit_compile(self):
        # TensorFlow's XLA has no gradient of a loop whose length it is not told.
        return False if keras.backend.backend() == "tensorflow" else "auto"
