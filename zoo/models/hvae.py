"""Hamiltonian variational autoencoder: a posterior improved by leapfrog steps (Caterini et al. 2018, arXiv:1805.11328).

E [-log p(x|z_K) + log q(z_0|x) - log p(z_K) + ½ |ρ_K|² - ½ β_0 |ρ_0|²], in nats per image
"""

from zoo.layers.bottlenecks.hamiltonian import HamiltonianCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.hamiltonian import HamiltonianAutoencoder, check_options

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=50,
    n_lf=3,
    eps_lf=0.05,
    beta_zero=0.3,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables, moved along the gradient of log p(x, z); the features are the initial means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        n_lf: K, number of leapfrog steps; each requires a forward and a backward pass of the decoder.
        eps_lf: initial step size; a step size for each latent variable is learned.
        beta_zero: initial β_0 of the tempering, between 0 and 1; learned.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    check_options(backbone_options)
    code = HamiltonianCode(latent_dim, n_lf, eps_lf, beta_zero)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, model=HamiltonianAutoencoder)
