"""InfoVAE: informative codes whose aggregate posterior matches the prior (Zhao et al. 2017, arXiv:1706.02262).

E_q(z|x) [-log p(x|z)] + (1 - α) KL(q(z|x) || p(z)) + (α + λ - 1) MMD²(q(z), p(z)); α = 1 is known as the MMD-VAE
"""

from zoo.errors import ZooError
from zoo.layers.bottlenecks.mmd import InfoCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=10,
    alpha=0.5,
    lambda_=10.0,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables; the features are the posterior's means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        alpha: α, at most 1.
        lambda_: λ, at least 1 - α.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.

    Raises:
        ZooError: if the weights are negative, so that the loss has no minimum.
    """
    config = configuration(build, locals())
    if alpha > 1 or alpha + lambda_ < 1:
        raise ZooError(f"got alpha={alpha} and lambda_={lambda_}, expected alpha <= 1 and lambda_ >= 1 - alpha.")
    return assemble(backbone, input_shape, InfoCode(latent_dim, alpha, lambda_), loss, backbone_options, config)
