"""Undercomplete autoencoder: a code smaller than the input (Rumelhart, Hinton & Williams 1986; Hinton & Salakhutdinov 2006).

min E |x - g(f(x))|², dim f(x) < dim x
"""

from zoo.layers.bottlenecks.code import DenseCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet", "vit", "tcn", "gru", "lstm")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=32, loss="mse", **backbone_options):
    """A linear code of `latent_dim` numbers between an encoder and a decoder.

    Args:
        backbone: "mlp", "conv", "resnet", "vit", or, over time, "tcn", "gru" or "lstm".
        input_shape: (height, width, channels), or (features,) for "mlp", or (length, channels) of a series.
        latent_dim: size of the code.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, DenseCode(latent_dim), loss, backbone_options, config)
