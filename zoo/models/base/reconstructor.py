"""The model from images to their reconstructions, which `Autoencoder.predict` uses."""

import contextlib

import keras

from zoo.models.base.inputs import ChecksInputs
from zoo.utils.batching import cached


class Reconstructor(ChecksInputs, keras.Model):
    """Images, uint8 0..255 or floats 0..1, to reconstructions (N, *input_shape), float32 0..1, as in `Autoencoder.reconstruct`.

    Args:
        model: an `Autoencoder`, whose weights it shares.
    """

    def __init__(self, model, **kwargs):
        # The model itself casts its inputs, because half precision cannot represent all 256 levels.
        super().__init__(dtype=model.dtype_policy, autocast=False, **kwargs)
        self.model = model
        self.built = True

    @property
    def input_rule(self):
        return self.model.input_rule

    def call(self, x):
        return self.model._reconstruct(x)


def reconstructor(model):
    """The `Reconstructor` of a model, cached, so that it is compiled only once."""
    strategy = getattr(model, "distribute_strategy", None)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        return cached(model, "reconstructor", lambda: Reconstructor(model, name=f"{model.name}_reconstructor"))
