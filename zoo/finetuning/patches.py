"""Patch dropout that decreases during training: early steps are faster, and the last ones see nearly all patches."""

import keras

from zoo.layers.corruptions.masking import PatchDropout
from zoo.utils.keras_internals import flatten_layers


class PatchDropoutSchedule(keras.callbacks.Callback):
    """Use several rates of patch dropout one after another, each for an equal part of the epochs. (Tan & Le 2021,
    "EfficientNetV2", arXiv:2104.00298, change the size of the images in this way.)

    Args:
        model: model whose encoder drops patches.
        rates: fractions of patches to drop, in [0, 1), in order.
        epochs: number of epochs of the training.

    Raises:
        ZooError: if a fraction drops no patch or all patches; raised by the constructor.
    """

    def __init__(self, model, rates, epochs):
        super().__init__()
        self.rates = rates
        self.epochs = epochs
        self.layers = [layer for layer in flatten_layers(model) if isinstance(layer, PatchDropout)]
        for rate in reversed(rates):
            self._set_rate(rate)

    def _set_rate(self, rate):
        for layer in self.layers:
            layer.set_rate(rate)

    def on_epoch_begin(self, epoch, logs=None):
        rate = self.rates[epoch * len(self.rates) // self.epochs]
        if any(layer.rate != rate for layer in self.layers):
            self._set_rate(rate)
            # The number of patches of a step is fixed when it is traced.
            self.model.make_train_function(force=True)
