"""Variational autoencoder (Kingma & Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114; Rezende et al. 2014).

E_q(z|x) [-log p(x|z)] + KL(q(z|x) || N(0, I)), in nats per image
"""

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet", "tcn", "gru", "lstm")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=50, loss="bernoulli", **backbone_options):
    """`latent_dim` Gaussian latent variables; the features are the posterior's means.

    Args:
        backbone: "mlp", "conv", "resnet", or, over time, "tcn", "gru" or "lstm".
        input_shape: (height, width, channels), or (features,) for "mlp", or (length, channels) of a series.
        latent_dim: number of latent variables.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, GaussianCode(latent_dim), loss, backbone_options, config)
