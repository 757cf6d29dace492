"""VQGAN's autoencoder: a map of codebook vectors, residual networks with attention (Esser et al. 2021, arXiv:2012.09841).

loss(x, x̂) + mean (sg[z] - e)² + β mean (z - sg[e])², e the nearest of K learned codes
"""

from keras import layers

from zoo import backbones
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.bottlenecks.learned_codebook import LearnedCodebook
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("ldm",)


def build(
    backbone="ldm",
    input_shape=(256, 256, 3),
    latent_channels=3,
    latent_dim=3,
    codes=8192,
    beta=0.25,
    loss="mae",
    **backbone_options,
):
    """The features are the codes of all positions, flattened.

    The paper's loss also has a perceptual and an adversarial term, which are not part of this loss.

    Args:
        backbone: "ldm".
        input_shape: (height, width, channels).
        latent_channels: number of feature maps before and after the quantization.
        latent_dim: size of a code.
        codes: K, number of codes.
        beta: β, weight of the commitment loss.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones.ldm`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, latent_channels=latent_channels, **backbone_options)

    def decoder(code_shape, outputs):
        return Backbone([layers.Conv2D(latent_channels, 1, data_format="channels_last"), pair.decoder(code_shape, outputs)])

    bottleneck = LearnedCodebook(latent_dim, codes, beta)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder, pair=pair)
