"""The decoder of an autoencoder: codes to images."""

import keras
from keras import ops

from zoo.modalities.images import IMAGES
from zoo.models.base.serialization import Serializable, registered


@registered("Decoder")
class Decoder(Serializable, keras.Model):
    """Codes (N, ...) to images (N, *input_shape), float32 0..1."""

    part = "decoder"
    modality = IMAGES

    def __init__(self, backbone, reconstruction_loss, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone
        self.reconstruction_loss = reconstruction_loss

    def build(self, code_shape):
        self.data_shape = tuple(code_shape[1:])
        self.backbone(keras.KerasTensor(code_shape))
        self.built = True

    def call(self, z):
        return self.modality.to_raw(self.reconstruction_loss.to_image(ops.cast(self.backbone(z), "float32")))

    def outputs(self, z, x, training=None):
        """The inputs of the reconstruction loss, from codes (N, ...); autoregressive decoders also use the images `x`."""
        return self.backbone(z, training=training)
