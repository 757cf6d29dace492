"""WAE-MMD: matches the aggregate posterior to the prior by maximum mean discrepancy (Tolstikhin et al. 2018, arXiv:1711.01558).

loss(x, x̂) + λ MMD²(q(z), N(0, I))
"""

from zoo.layers.bottlenecks.mmd import WassersteinCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=8, lambda_=0.1, loss="mse", **backbone_options):
    """A deterministic code of `latent_dim` numbers, and a standard normal prior to sample from.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: size of the code.
        lambda_: λ, in units of the reconstruction loss; the paper's value of 10 is for a squared error summed over the pixels.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, WassersteinCode(latent_dim, lambda_), loss, backbone_options, config)
