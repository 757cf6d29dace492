"""Hyperspherical variational autoencoder: codes on the unit sphere (Davidson et al. 2018, arXiv:1804.00891).

E_q(z|x) [-log p(x|z)] + KL(vMF(μ(x), κ(x)) || uniform on the sphere), κ = softplus(·) + 1, in nats per image
"""

from zoo.layers.bottlenecks.hypersphere import HypersphericalCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=10, loss="bernoulli", **backbone_options):
    """A code on the unit sphere of R^latent_dim; the features are the posterior's mean directions.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: size of a code, at least 2; the sphere has latent_dim - 1 dimensions. In the paper, the sphere is better than
            the normal distribution up to about 20 dimensions; beyond that, its surface area vanishes.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, HypersphericalCode(latent_dim), loss, backbone_options, config)
