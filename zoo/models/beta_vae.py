"""β-VAE: the KL divergence is weighted by β (Higgins et al. 2017, ICLR, "beta-VAE: learning basic visual concepts").

E_q(z|x) [-log p(x|z)] + β w(t) Σ_d max(KL_d, λ), with a warm-up w(t) (Sønderby et al. 2016, arXiv:1602.02282) and free bits λ
(Kingma et al. 2016, arXiv:1606.04934)
"""

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=50,
    beta=4.0,
    warmup_steps=0,
    free_bits=0.0,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables whose divergence from the prior is weighted; the features are their means.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        beta: β.
        warmup_steps: training steps over which the weight rises linearly from 0 to β.
        free_bits: λ, in nats per latent variable.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = GaussianCode(latent_dim, beta, warmup_steps, free_bits)
    return assemble(backbone, input_shape, code, loss, backbone_options, config)
