"""Multiply importance weighted autoencoder: the mean of several IWAE bounds (Rainforth et al. 2018, arXiv:1802.04537).

-E 1/m Σ_j log 1/k Σ_i w_ij, w_ij = p(x|z_ij) p(z_ij) / q(z_ij|x)
"""

import functools

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.importance import ImportanceWeightedAutoencoder

BACKBONES = ("mlp", "conv", "resnet")


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=50, m=8, k=8, loss="bernoulli", **backbone_options):
    """`latent_dim` Gaussian latent variables; the encoder's gradient is less noisy than that of IWAE with m k samples.

    In the history, `reconstruction` is the loss of the samples averaged by their normalized weights, and `kl` the rest of the
    bound, see `ImportanceWeightedAutoencoder`.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        m: number of averaged bounds per image.
        k: number of samples per bound.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    model = functools.partial(ImportanceWeightedAutoencoder, samples=k, groups=m)
    return assemble(backbone, input_shape, GaussianCode(latent_dim), loss, backbone_options, config, model=model)
