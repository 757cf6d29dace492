"""One part of a model, by itself."""

import keras

from zoo.modalities.image import is_image_shape
from zoo.models import registry

# Part to what goes in and what comes out, as exports call them.
PARTS = {
    "encoder": ("images", "features"),
    "decoder": ("codes", "images"),
    "autoencoder": ("images", "reconstructions"),
}


@keras.saving.register_keras_serializable("zoo")
class Exported(keras.Model):
    """One part of a model as a Keras model that a `.keras` file can hold.

    Args:
        config: of the model, as `zoo.models.registry.build` takes it.
        part, layer, pool: see `export`.
        model: the model itself; by default built from `config`, with fresh weights.
    """

    def __init__(self, config, part="encoder", layer=None, pool=None, model=None, **kwargs):
        super().__init__(**kwargs)
        self.model = model or registry.build(config)
        self.part = part
        # Under attributes of plain values: Keras wraps mappings that it finds.
        object.__setattr__(self, "settings", {"config": dict(config), "part": part, "layer": layer, "pool": pool})
        self.run = {
            "encoder": lambda: self.model.encoder.at(layer, pool),
            "decoder": lambda: self.model.decoder,
            "autoencoder": lambda: self.model._reconstruct,
        }[part]()
        self.built = True

    @property
    def shape(self):
        """Of one input, without the batch axis."""
        if self.part == "decoder":
            return tuple(self.model.bottleneck.code_shape)
        return tuple(self.model.degraded_shape if self.part == "autoencoder" else self.model.data_shape)

    @property
    def values(self):
        """The dtype that inputs have where nobody asks for another."""
        return "uint8" if self.part != "decoder" and is_image_shape(self.shape) else "float32"

    def call(self, x):
        return self.run(x)

    def get_config(self):
        return {**super().get_config(), **self.settings}
