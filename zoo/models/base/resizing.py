"""An encoder that takes images of any size and resizes them inside the model."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.modalities.image import is_image_shape
from zoo.modalities.image_rule import ImageRule
from zoo.modalities.tensors import assert_unit, to_unit
from zoo.models.base.inputs import ChecksInputs
from zoo.models.base.serialization import EncoderWrapper, registered


@registered("ResizingEncoder")
class ResizingEncoder(ChecksInputs, EncoderWrapper, keras.Model):
    """Images (N, height, width, C) of any one size, uint8 0..255 or floats 0..1, to an encoder's features (N, D).

    Resizing is bilinear with antialiasing, as by `zoo encode --resize` for files; height and width have independent factors. In a
    functional model, declare `keras.Input((None, None, C), dtype="uint8")`.

    Args:
        encoder: a `keras.Model` from images of `data_shape` to features.
        data_shape: (height, width, C).

    Raises:
        ZooError: if the encoder is for vectors or series.
    """

    settings = ("data_shape",)

    def __init__(self, encoder, data_shape, **kwargs):
        super().__init__(**kwargs)
        if not is_image_shape(data_shape):
            raise ZooError(
                f"got an encoder for inputs of shape {tuple(data_shape)}, expected one for images (height, width, channels)."
            )
        self.encoder = encoder
        self.data_shape = tuple(data_shape)
        self.build(self.input_shape)

    def build(self, input_shape):
        # The encoder is already built; Keras only records the shape.
        self.built = True

    @property
    def input_shape(self):
        """(None, None, None, C): images of any size."""
        return (None, None, None, self.data_shape[-1])

    @property
    def output_shape(self):
        """That of the encoder."""
        return self.encoder.output_shape

    @property
    def input_rule(self):
        """See `zoo.models.base.inputs.ChecksInputs`."""
        return ImageRule([(None, None, self.data_shape[-1])])

    @property
    def feature_layers(self):
        """Those of the encoder."""
        return self.encoder.feature_layers

    def at(self, layer=None, pool=None):
        """See `Encoder.at`; without arguments, this encoder."""
        return self if layer is None and pool is None else ResizingEncoder(self.encoder.at(layer, pool), self.data_shape)

    def call(self, x, training=None):
        if tuple(x.shape[1:]) != self.data_shape:
            # Before resizing, because averages can hide a value outside the range.
            assert_unit(x)
            # In float32, because half precision cannot represent all 256 levels.
            x = ops.image.resize(
                to_unit(x, "float32"), self.data_shape[:2], interpolation="bilinear", antialias=True, data_format="channels_last"
            )
        return self.encoder(x, training=training)
