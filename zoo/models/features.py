"""An encoder without a decoder, as many masked autoencoders are published. It has no backbone of its own."""

from zoo.models import registry
from zoo.models.base.features import FeatureModel

BACKBONES = ()


def build(model):
    """A `FeatureModel` with initial weights: the encoder of an autoencoder.

    Args:
        model: the config of the autoencoder, see `zoo.models.registry.build`.
    """
    whole = registry.build(model)
    made = FeatureModel(whole.encoder, {"variant": "features", "model": whole.config}, name="features")
    made.build((None, *made.data_shape))
    return made
