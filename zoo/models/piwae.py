"""Partially importance weighted autoencoder: a bound each for encoder and decoder (Rainforth et al. 2018, arXiv:1802.04537).

decoder: -E log 1/(m k) Σ_ij w_ij; encoder: -E 1/m Σ_j log 1/k Σ_i w_ij, w_ij = p(x|z_ij) p(z_ij) / q(z_ij|x)
"""

import functools

import keras
from keras import ops

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.layers.math.importance import importance_bound, log_densities
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.importance import ImportanceWeightedAutoencoder

BACKBONES = ("mlp", "conv", "resnet")


class PartiallyImportanceWeightedAutoencoder(ImportanceWeightedAutoencoder):
    """The loss is the decoder's, IWAE's by all draws; the encoder's enters with its gradient alone."""

    def estimate(self, x, y, training):
        z, log_ratio = self.draw(x, self.groups * self.samples, training)
        # First the one whose changes of state are dropped: a dropout then drops the same units for both.
        seen = log_densities(self._fixed_decoder(training), self.reconstruction_loss, y, z)
        encoders, _ = importance_bound(seen + log_ratio, self.groups)
        log_p = self.log_p(y, ops.stop_gradient(z), training)
        bound, shares = importance_bound(log_p + ops.stop_gradient(log_ratio))
        return bound + encoders - ops.stop_gradient(encoders), shares, log_p

    def _fixed_decoder(self, training):
        backbone = self.decoder.backbone
        values = [(variable, ops.stop_gradient(ops.convert_to_tensor(variable))) for variable in backbone.variables]

        def decode(z):
            # Not `stateless_call`, which does not tell the layers inside whether this is training.
            with keras.StatelessScope(state_mapping=values):
                return self.decode_rows(z, training)

        return decode


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=50, m=8, k=8, loss="bernoulli", **backbone_options):
    """`latent_dim` Gaussian latent variables; the decoder learns from the tightest bound, the encoder from a less noisy one.

    In the history, `loss` is IWAE's by m k draws, `reconstruction` the loss of the draws averaged by their normalized weights,
    and `kl` the rest of the bound, see `ImportanceWeightedAutoencoder`.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        m: bounds an image that the encoder's gradient is averaged over.
        k: draws an image in each of them.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    model = functools.partial(PartiallyImportanceWeightedAutoencoder, samples=k, groups=m)
    return assemble(backbone, input_shape, GaussianCode(latent_dim), loss, backbone_options, config, model=model)
