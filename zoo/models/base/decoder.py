"""The decoder of an autoencoder: codes to images."""

import keras
from keras import ops

from zoo.modalities.image_rule import check_shape
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

    @property
    def output_shape(self):
        """(None, ...): the shape of a batch of images; known without tracing the decoder, which saving would do each time."""
        return (None, *self.modality.data_shape(self.config["input_shape"])) if self.config else super().output_shape

    def __call__(self, z, *args, **kwargs):
        """As `keras.Model.__call__`."""
        if self.built:
            check_shape(z, [self.data_shape])
        return super().__call__(z, *args, **kwargs)

    def call(self, z):
        return self.modality.to_raw(self.reconstruction_loss.to_image(ops.cast(self.backbone(z), "float32")))

    def outputs(self, z, x, training=None):
        """The inputs of the reconstruction loss, from codes (N, ...); autoregressive decoders also use the images `x`."""
        return self.backbone(z, training=training)
