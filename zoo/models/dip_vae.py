"""DIP-VAE: the covariance of the inferred prior is matched to the identity (Kumar et al. 2018, arXiv:1711.00848, ICLR).

E_q(z|x) [-log p(x|z)] + KL(q(z|x) || N(0, I)) + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii - 1)²
"""

from zoo.layers.bottlenecks.dip import InferredPriorCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=10,
    kind="I",
    lambda_od=10.0,
    lambda_d=100.0,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables, uncorrelated and of unit variance; the features are the posterior's means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        kind: "I", C is the covariance of the posterior means, or "II", of the sampled codes.
        lambda_od: λ_od.
        lambda_d: λ_d; the paper uses 10 λ_od for "I" and λ_od for "II".
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = InferredPriorCode(latent_dim, kind, lambda_od, lambda_d)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
