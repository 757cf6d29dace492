"""Residual-quantized autoencoder (Lee et al. 2022, arXiv:2203.01941).

loss(x, x̂) + β Σ_d mean (z - sg[e₁ + ... + e_d])², e_d the code nearest to the residual of z after the first d - 1 codes
"""

from zoo.layers.bottlenecks.vector_quantizer import ResidualVectorQuantizer
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.grid import grid_decoder

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=64,
    codes=512,
    depth=4,
    shared=False,
    groups=4,
    commitment=0.25,
    decay=0.99,
    loss="mse",
    **backbone_options,
):
    """A grid of stacks of codes on "conv" and "resnet", as large as the encoder's last feature maps; `groups` on "mlp".

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: size of a code.
        codes: number of codes per codebook.
        depth: number of codes per stack; each refines the sum of those before it.
        shared: whether all depths share one codebook, as in the paper, or each has its own.
        groups: number of stacks per image, if the encoder's output is a vector.
        commitment: β, weight of the commitment loss.
        decay: decay of the moving averages that update the codes, per training step.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    bottleneck = ResidualVectorQuantizer(latent_dim, codes, groups, depth, shared, commitment, decay)
    decoder = grid_decoder(backbone, input_shape, backbone_options)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder)
