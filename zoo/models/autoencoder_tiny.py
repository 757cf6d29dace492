"""Tiny autoencoder for Stable Diffusion (Bohan 2023, github.com/madebyollin/taesd): a small network for a large one's codes.

loss(x, x̂), the code (f(x) - shift) * scaling
"""

from zoo import backbones
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.bottlenecks.latent_map import LatentMap, unscaled
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("taesd",)


def build(
    backbone="taesd",
    input_shape=(256, 256, 3),
    latent_channels=4,
    scaling=1.0,
    shift=0.0,
    loss="mse",
    **backbone_options,
):
    """The code is feature maps, scaled as diffusion models expect them; the features are the code, flattened.

    The original is distilled from the larger network; this one is trained on images only.

    Args:
        backbone: "taesd".
        input_shape: (height, width, channels).
        latent_channels: number of feature maps of the code.
        scaling: factor by which codes have a standard deviation of about 1.
        shift: subtracted from codes before scaling.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones.taesd`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, latent_channels=latent_channels, **backbone_options)

    def decoder(code_shape, outputs):
        return Backbone([unscaled(scaling, shift), pair.decoder(code_shape, outputs)])

    bottleneck = LatentMap(scaling, shift)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder, pair=pair)
