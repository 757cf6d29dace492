"""Riemannian Hamiltonian variational autoencoder: leapfrog steps in a learned metric (Chadebec et al. 2020, arXiv:2010.11518).

G⁻¹(z) = Σ_i L_i L_iᵀ exp(-|z - c_i|² / T²) + λ I
E [-log p(x|z_K) + log q(z_0|x) - log p(z_K) + log N(ρ_0; 0, G(z_0) / β_0) - log N(ρ_K; 0, G(z_K)) - D/2 log β_0], in nats
"""

from zoo.layers.bottlenecks.riemannian import RiemannianCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.hamiltonian import HamiltonianAutoencoder, check_options

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=10,
    n_lf=3,
    eps_lf=0.001,
    beta_zero=0.3,
    temperature=1.5,
    regularization=0.01,
    n_centroids=1000,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables, moved by Hamiltonian steps in a learned metric; the features are the initial means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        n_lf: number of leapfrog steps; each requires a forward and a backward pass of the decoder.
        eps_lf: initial step size; a step size for each latent variable is learned.
        beta_zero: initial β_0 of the tempering, between 0 and 1; learned.
        temperature: T, the range of influence of a centroid.
        regularization: λ, the inverse metric far from all centroids.
        n_centroids: number of stored centroids, those of the most recent images; latent_dim² numbers each.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    check_options(backbone_options)
    code = RiemannianCode(latent_dim, n_lf, eps_lf, beta_zero, temperature, regularization, n_centroids)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, model=HamiltonianAutoencoder)
