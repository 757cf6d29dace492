"""A model that consists of an encoder only."""

import keras

from zoo.data.arrays import arrays_of
from zoo.models.base.inputs import ChecksInputs
from zoo.models.base.serialization import Serializable, registered
from zoo.utils.batching import apply_to_batches


class EncodesImages(ChecksInputs):
    """Mixin, before `keras.Model` in the bases, for models with an `encoder` and without a decoder."""

    @property
    def input_rule(self):
        """See `zoo.models.base.inputs.ChecksInputs`."""
        return self.modality.rule([self.data_shape])

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return self.encoder.data_shape

    @property
    def modality(self):
        """That of the encoder."""
        return self.encoder.modality

    def encode(self, x, batch_size=256):
        """Features (N, D), float32 numpy, of images (N, *input_shape); see `Autoencoder.encode`."""
        raw = (self.modality.check(part, self.data_shape) for part in arrays_of(x))
        return apply_to_batches(self.encoder, self.encoder.call, raw, batch_size)


@registered("FeatureModel")
class FeatureModel(EncodesImages, Serializable, keras.Model):
    """Images (N, *input_shape), uint8 0..255 or floats 0..1, to features (N, D).

    Args:
        encoder: an `Encoder`.
        config: the mapping from which `zoo.models.registry.build` rebuilds this model.
    """

    def __init__(self, encoder, config, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        object.__setattr__(self, "config", config)

    def build(self, input_shape):
        # The encoder is already built.
        self.built = True

    def call(self, x, training=None):
        return self.encoder(x, training=training)
