"""Autoencoder with finite scalar quantization (Mentzer et al. 2023, arXiv:2309.15505).

loss(x, x̂), each number of the code rounded to one of L_i levels in -1..1
"""

from zoo.layers.bottlenecks.finite_scalar import FiniteScalarCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.grid import grid_decoder

BACKBONES = ("mlp", "conv", "resnet")


def build(backbone="mlp", input_shape=(28, 28, 1), levels=(8, 5, 5, 5), groups=16, loss="mse", **backbone_options):
    """A grid of codes on "conv" and "resnet", as large as the encoder's last feature maps; `groups` of them on "mlp".

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        levels: L_i of each number of a code; there are Π L_i codes.
        groups: number of codes per image, if the encoder's output is a vector.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    decoder = grid_decoder(backbone, input_shape, backbone_options)
    bottleneck = FiniteScalarCode(levels, groups)
    return assemble(backbone, input_shape, bottleneck, loss, backbone_options, config, decoder=decoder)
