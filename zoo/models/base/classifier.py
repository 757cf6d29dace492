"""A classifier on the features of a pretrained encoder."""

import keras
from keras import layers, ops

from zoo.errors import ZooError
from zoo.models.base.features import EncodesImages
from zoo.models.base.serialization import Serializable, registered
from zoo.utils.batching import apply_in_batches


@registered("Classifier")
class Classifier(EncodesImages, Serializable, keras.Model):
    """Images (N, *input_shape), uint8 0..255 or floats 0..1, to logits (N, classes).

    The features are normalized by their batch moments, without scale or offset, before one linear layer, as for masked
    autoencoders (He et al. 2022), so that one learning rate suits features of any scale.

    Args:
        encoder: an `Encoder`, or an extractor of one depth, see `Encoder.at`.
        classes: names of the classes, one per logit.
        config: the mapping from which `zoo.models.registry.build` rebuilds this model.
    """

    def __init__(self, encoder, classes, config, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        # A low momentum, because fine-tuning takes few steps.
        self.normalize = layers.BatchNormalization(center=False, scale=False, momentum=0.9)
        self.head = layers.Dense(len(classes), kernel_initializer="zeros")
        object.__setattr__(self, "config", config)

    def build(self, input_shape):
        features = self.encoder(keras.KerasTensor((None, *self.data_shape))).shape
        self.normalize.build(features)
        self.head.build(features)
        self.built = True

    @property
    def classes(self):
        """Names of the classes."""
        return list(self.config["classes"])

    def call(self, x, training=None):
        return self.head(self.normalize(self.encoder(x, training=training), training=training))

    def classify(self, x, batch_size=256):
        """Class probabilities (N, classes), float32 numpy, of images (N, *input_shape)."""
        return apply_in_batches(self, self._classify, self.modality.check(x, self.data_shape), batch_size)

    def _classify(self, x):
        return ops.softmax(ops.cast(self(x), "float32"))


def classifier(model, classes, layer=None, pool=None):
    """A `Classifier` on the features of an `Autoencoder`, whose encoder it shares.

    Args:
        model: an `Autoencoder`.
        classes: names of the classes, two or more.
        layer, pool: the depth to use, see `Encoder.at`; None means the features that `encode` returns.
    """
    names = [str(name) for name in classes]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ZooError(f"got the classes {', '.join(names) or 'none'}, expected at least two different names.")
    config = {"variant": "classifier", "model": model.config, "classes": names, "layer": layer, "pool": pool}
    made = Classifier(model.encoder.at(layer, pool), names, config, name="classifier")
    made.build((None, *made.data_shape))
    return made
