"""Poincaré variational autoencoder: codes in hyperbolic space, for data with a hierarchy (Mathieu et al. 2019, arXiv:1901.06033).

E_q(z|x) [-log p(x|z) + log q(z|x) - log p(z)], q and p wrapped normal in the Poincaré ball, in nats per image
"""

from zoo.layers.bottlenecks.wrapped_normal import WrappedNormalCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp", "conv", "resnet")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=2, curvature=1.0, loss="bernoulli", **backbone_options):
    """A code in the ball |z|² < 1 / curvature of R^latent_dim; the features are the centers of the posterior.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: dimensions of the ball.
        curvature: c; the ball's curvature is -c.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, WrappedNormalCode(latent_dim, curvature), loss, backbone_options, config)
