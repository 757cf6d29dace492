"""Fewer patches first, more of them later: steps are short while much is to be learned, and end near what is read in the end."""

import keras

from zoo.layers.corruptions.masking import PatchDropout
from zoo.utils.keras_internals import flatten_layers


class PatchDropoutTurns(keras.callbacks.Callback):
    """Several shares of left-out patches, each in its turn and for an equal part of the epochs (Tan & Le 2021, "EfficientNetV2",
    arXiv:2104.00298, does so with the size of the images).

    Args:
        model: whose encoder leaves patches out.
        shares: in [0, 1), first to last.
        epochs: of the whole training.

    Raises:
        ZooError: on a share that leaves out no patch or all of them: now, not when its turn comes.
    """

    def __init__(self, model, shares, epochs):
        super().__init__()
        self.shares = shares
        self.epochs = epochs
        self.layers = [layer for layer in flatten_layers(model) if isinstance(layer, PatchDropout)]
        for share in reversed(shares):
            self._leave_out(share)

    def _leave_out(self, share):
        for layer in self.layers:
            layer.leave_out(share)

    def on_epoch_begin(self, epoch, logs=None):
        share = self.shares[epoch * len(self.shares) // self.epochs]
        if any(layer.rate != share for layer in self.layers):
            self._leave_out(share)
            # How many patches a step sees is settled when it is traced.
            self.model.make_train_function(force=True)
