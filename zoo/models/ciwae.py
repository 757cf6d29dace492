"""Combination importance weighted autoencoder: a mixture of the bounds of VAE and IWAE (Rainforth et al. 2018, arXiv:1802.04537).

-E [β 1/k Σ_i log w_i + (1 - β) log 1/k Σ_i w_i], w_i = p(x|z_i) p(z_i) / q(z_i|x)
"""

import functools

from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.importance import ImportanceWeightedAutoencoder

BACKBONES = ("mlp", "conv", "resnet")


class CombinationAutoencoder(ImportanceWeightedAutoencoder):
    """Trains on a combination of the evidence lower bound and the importance-weighted bound, from the same samples."""

    def __init__(self, *args, beta, **kwargs):
        if not 0 <= beta <= 1:
            raise ZooError(f"got beta={beta!r}, expected a number from 0 (IWAE) to 1 (VAE).")
        super().__init__(*args, **kwargs)
        self.beta = beta

    def bound(self, log_weights):
        bound, shares = super().bound(log_weights)
        bound = self.beta * ops.mean(log_weights, axis=1) + (1 - self.beta) * bound
        return bound, self.beta / log_weights.shape[1] + (1 - self.beta) * shares


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=50, k=50, beta=0.5, loss="bernoulli", **backbone_options):
    """`latent_dim` Gaussian latent variables; the features are the posterior's means.

    In the history, `reconstruction` is the loss of the samples averaged with β times uniform weights plus 1 - β times the
    normalized weights, and `kl` the rest of the bound, see `ImportanceWeightedAutoencoder`.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        k: number of samples per image.
        beta: β, weight of the VAE's bound, 0..1.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    model = functools.partial(CombinationAutoencoder, samples=k, beta=beta)
    return assemble(backbone, input_shape, GaussianCode(latent_dim), loss, backbone_options, config, model=model)
