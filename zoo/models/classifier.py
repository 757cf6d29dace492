"""A classifier on the features of another model's encoder, as fine-tuning trains it, without a backbone of its own.

The features are normalized over the batch, as for masked autoencoders (He et al. 2022, arXiv:2111.06377).
"""

from zoo.models import registry
from zoo.models.base.classifier import classifier

BACKBONES = ()


def build(model, classes, layer=None, pool=None):
    """A `Classifier` with initial weights.

    Args:
        model: the config of the autoencoder, see `zoo.models.registry.build`.
        classes: names of the classes, two or more.
        layer, pool: the depth of the encoder to use, see `Encoder.at`; None means the features that `encode` returns.
    """
    return classifier(registry.build(model), classes, layer, pool)
