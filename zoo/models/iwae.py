"""Importance weighted autoencoder: a tighter bound from several samples (Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519).

-E log 1/k Σ_i p(x|z_i) p(z_i) / q(z_i|x), z_i ~ q(z|x)
"""

import functools

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.importance import ImportanceWeightedAutoencoder

BACKBONES = ("mlp", "conv", "resnet")


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=50,
    k=50,
    gradient_samples=None,
    loss="bernoulli",
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables; the features are the posterior's means.

    In the history, `reconstruction` is the loss of the samples averaged by their normalized weights, and `kl` the rest of the
    bound, see `ImportanceWeightedAutoencoder`.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        k: number of samples per image.
        gradient_samples: number of samples per image, chosen by their weights, that the gradient is computed for; None uses all.
            A few of 50 make a step twice as fast; the gradient is still unbiased, but noisier.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    model = functools.partial(ImportanceWeightedAutoencoder, samples=k, gradient_samples=gradient_samples)
    return assemble(backbone, input_shape, GaussianCode(latent_dim), loss, backbone_options, config, model=model)
