"""Annealed VAE: the KL divergence follows a capacity that rises during training (Burgess et al. 2018, arXiv:1804.03599).

E_q(z|x) [-log p(x|z)] + γ |KL(q(z|x) || N(0, I)) - C|, C rising linearly from 0 to c_max
"""

from zoo.layers.bottlenecks.capacity import CapacityCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=10,
    gamma=1000.0,
    c_max=25.0,
    c_steps=100_000,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables with a capacity of C nats per image; the features are the posterior means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        gamma: γ.
        c_max: final value of C, in nats.
        c_steps: training steps over which C rises.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, CapacityCode(latent_dim, gamma, c_max, c_steps), loss, backbone_options, config)
