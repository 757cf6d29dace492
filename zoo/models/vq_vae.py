"""Vector-quantized autoencoder (van den Oord et al. 2017, "Neural discrete representation learning", arXiv:1711.00937).

loss(x, x̂) + β mean (z - sg[e])², e the nearest of K learned codes
"""

from zoo.layers.bottlenecks.vector_quantizer import VectorQuantizer
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.grid import grid_decoder

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=64,
    codes=512,
    groups=16,
    commitment=0.25,
    decay=0.99,
    loss="mse",
    **backbone_options,
):
    """A grid of codes on "conv" and "resnet", as large as the encoder's last feature maps; `groups` of them on "mlp".

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: numbers a code.
        codes: K.
        groups: codes an image, where the encoder ends in a vector.
        commitment: β.
        decay: of the moving averages by which the codes follow the encoder, a training step.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    bottleneck = VectorQuantizer(latent_dim, codes, groups, commitment=commitment, decay=decay)
    decoder = grid_decoder(backbone, input_shape, backbone_options)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder)
