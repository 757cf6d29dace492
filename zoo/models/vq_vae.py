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
        latent_dim: size of a code.
        codes: K, number of codes.
        groups: number of codes per image, if the encoder's output is a vector.
        commitment: β, weight of the commitment loss.
        decay: decay of the moving averages that update the codes, per training step.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    bottleneck = VectorQuantizer(latent_dim, codes, groups, commitment=commitment, decay=decay)
    decoder = grid_decoder(backbone, input_shape, backbone_options)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder)
