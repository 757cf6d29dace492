"""Fewer patches first, more of them later: steps are short while much is to be learned, and end near what is read in the end."""

import keras

from zoo.layers.masking import PatchDropout


class PatchDropoutTurns(keras.callbacks.Callback):
    """Several shares of left-out patches, each in its turn and for an equal part of the epochs (Tan & Le 2021, "EfficientNetV2",
    arXiv:2104.00298, does so with the size of the images).

    Args:
        shares: in [0, 1), first to last.
        epochs: of the whole training.
    """

    def __init__(self, shares, epochs):
        super().__init__()
        self.shares = tuple(shares)
        self.epochs = epochs

    def on_epoch_begin(self, epoch, logs=None):
        share = self.shares[epoch * len(self.shares) // self.epochs]
        layers = [layer for layer in self.model._flatten_layers() if isinstance(layer, PatchDropout) and layer.rate != share]
        for layer in layers:
            layer.leave_out(share)
        if layers:
            # How many patches a step sees is settled when it is traced.
            self.model.make_train_function(force=True)
