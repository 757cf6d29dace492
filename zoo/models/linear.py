"""Linear autoencoder: finds PCA's subspace (Baldi & Hornik 1989, "Neural networks and principal component analysis").

x̂ = W₂(W₁x + b₁) + b₂ under the squared error: the only minimum, also among local minima, is the span of the first principal
components.
"""

from zoo.layers.bottlenecks.code import DenseCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("mlp",)


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=32):
    """A linear code of `latent_dim` numbers under the mean squared error.

    Args:
        backbone: "mlp".
        input_shape: (height, width, channels) or (features,).
        latent_dim: size of the code.
    """
    config = configuration(build, locals())
    return assemble(backbone, input_shape, DenseCode(latent_dim), "mse", {"hidden": ()}, config)
