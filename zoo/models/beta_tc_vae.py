"""β-TC-VAE: independent latent variables by a penalty on the total correlation (Chen et al. 2018, arXiv:1802.04942).

E_q(z|x) [-log p(x|z)] + α I(x; z) + β KL(q(z) || Π_d q(z_d)) + γ Σ_d KL(q(z_d) || p(z_d))
"""

from zoo.layers.bottlenecks.total_correlation import TotalCorrelationCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=10,
    dataset_size=60000,
    alpha=1.0,
    beta=6.0,
    gamma=1.0,
    sampling="stratified",
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables with a weighted total correlation; the features are the posterior means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        dataset_size: number of training images.
        alpha: α, weight of the mutual information of image and code.
        beta: β, weight of the total correlation.
        gamma: γ, weight of the divergence of each variable from the prior.
        sampling: how a batch represents all images: "stratified" or "weighted", see `zoo.layers.bottlenecks.total_correlation`.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = TotalCorrelationCode(latent_dim, dataset_size, alpha, beta, gamma, sampling)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
