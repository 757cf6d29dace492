"""FactorVAE: independent latent variables by a penalty on their total correlation (Kim & Mnih 2018, arXiv:1802.05983).

E_q(z|x) [-log p(x|z)] + β KL(q(z|x) || N(0, I)) + γ KL(q(z) || Π_d q(z_d)), the last term estimated by a
discriminator, in nats per image
"""

from zoo.layers.bottlenecks.factor import FactorCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=10,
    gamma=10.0,
    beta=1.0,
    discriminator=(1000, 1000, 1000, 1000, 1000, 1000),
    discriminator_rate=1.0,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables with a penalty on their dependence; the features are their means.

    The paper permutes the codes of a second batch; here the codes of the same batch are permuted, in one pass.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        gamma: γ.
        beta: weight of the divergence KL(q(z|x) || N(0, I)), 1 in the paper. The penalty only makes the variables independent;
            a larger `beta` also aligns them with the factors of variation (Rolinek et al. 2019, arXiv:1812.06775).
        discriminator: units of the discriminator's hidden layers.
        discriminator_rate: factor on the learning rate of the discriminator, which is trained by the same optimizer as the rest.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = FactorCode(latent_dim, gamma, tuple(discriminator), discriminator_rate, beta=beta)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
