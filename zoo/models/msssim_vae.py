"""MS-SSIM VAE: multi-scale structural similarity as reconstruction loss (Snell et al. 2017, arXiv:1511.06409).

E_q(z|x) [1 - MS-SSIM(x, x̂)] + β KL(q(z|x) || N(0, I))
"""

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.models.base.assemble import assemble, configuration

# MS-SSIM compares images, not vectors; therefore there is no "mlp".
BACKBONES = ("conv", "resnet")


def build(backbone="conv", input_shape=(28, 28, 1), latent_dim=16, beta=1e-3, **backbone_options):
    """`latent_dim` Gaussian latent variables; the features are the posterior's means.

    Args:
        backbone: "conv" or "resnet".
        input_shape: (height, width, channels).
        latent_dim: number of latent variables.
        beta: β, in units of the loss per nat; small, because the dissimilarity is at most 1 per image, whereas a likelihood is
            hundreds of nats.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, GaussianCode(latent_dim, beta), "ms_ssim", backbone_options, config)
