"""A part of a model, as a Keras model of its own."""

import keras

from zoo.modalities.image import is_image_shape
from zoo.models import registry

# Names of the input and output of each part in exports.
PARTS = {
    "encoder": ("images", "features"),
    "decoder": ("codes", "images"),
    "autoencoder": ("images", "reconstructions"),
}


@keras.saving.register_keras_serializable("zoo")
class Exported(keras.Model):
    """A part of a model, as a Keras model that can be saved as a `.keras` file.

    Args:
        config: config of the model, for `zoo.models.registry.build`.
        part, layer, pool: see `zoo.inference.export.exporting.export`.
        model: the model itself (default: built from `config`, with initial weights).
    """

    def __init__(self, config, part="encoder", layer=None, pool=None, model=None, **kwargs):
        super().__init__(**kwargs)
        self.model = model or registry.build(config)
        self.part = part
        # Set without Keras's `__setattr__`, which would wrap the mappings.
        object.__setattr__(self, "settings", {"config": dict(config), "part": part, "layer": layer, "pool": pool})
        self.run = {
            "encoder": lambda: self.model.encoder.at(layer, pool),
            "decoder": lambda: self.model.decoder,
            "autoencoder": lambda: self.model._reconstruct,
        }[part]()
        self.built = True

    @property
    def shape(self):
        """Shape of one input, without the batch axis."""
        if self.part == "decoder":
            return tuple(self.model.bottleneck.code_shape)
        return tuple(self.model.degraded_shape if self.part == "autoencoder" else self.model.data_shape)

    @property
    def values(self):
        """The default dtype of inputs."""
        return "uint8" if self.part != "decoder" and is_image_shape(self.shape) else "float32"

    def call(self, x):
        return self.run(x)

    def get_config(self):
        return {**super().get_config(), **self.settings}
