"""The base of every layer that charges a price."""

import keras
from keras import ops


class LossLayer(keras.layers.Layer):
    """A layer that adds terms to the training loss under names of its own.

    A subclass lists its terms in `loss_names` and calls `charge` once for each of them, in that order, whenever it is
    called. `Autoencoder` shows every term in the progress bar and the history under its name.
    """

    loss_names = ()

    def charge(self, value):
        """Add a scalar term to the loss, in float32 whatever the layer computes in: sums of many terms overflow half."""
        self.add_loss(ops.cast(value, "float32"))
