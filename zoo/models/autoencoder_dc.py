"""Deep compression autoencoder (Chen et al. 2024, "Deep compression autoencoder for efficient ... models", arXiv:2410.10733).

loss(x, x̂), the code f(x) * scaling, height and width 32 to 128 times smaller than those of the image
"""

from zoo import backbones
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.bottlenecks.latent_map import LatentMap, unscaled
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("dcae",)


def build(
    backbone="dcae",
    input_shape=(256, 256, 3),
    latent_channels=32,
    scaling=0.41407,
    loss="mae",
    **backbone_options,
):
    """The code is feature maps, scaled as diffusion models expect them; the features are the code, flattened.

    The paper's loss also has a perceptual and an adversarial term, which are not part of this loss.

    Args:
        backbone: "dcae".
        input_shape: (height, width, channels).
        latent_channels: number of feature maps of the code.
        scaling: factor by which codes have a standard deviation of about 1; the default is Sana's.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones.dcae`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, latent_channels=latent_channels, **backbone_options)

    def decoder(code_shape, outputs):
        return Backbone([unscaled(scaling, 0.0), pair.decoder(code_shape, outputs)])

    bottleneck = LatentMap(scaling)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder, pair=pair)
