"""Partially importance weighted autoencoder: separate bounds for encoder and decoder (Rainforth et al. 2018, arXiv:1802.04537).

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
    """The loss is that of the decoder, IWAE's bound from all samples; the encoder's bound contributes only its gradient."""

    def estimate(self, x, y, training):
        z, log_ratio = self.draw(x, self.groups * self.samples, training)
        # The pass whose state changes are discarded comes first, so that dropout drops the same units in both.
        seen = log_densities(self._fixed_decoder(training), self.reconstruction_loss, y, z)
        encoders, _ = importance_bound(seen + log_ratio, self.groups)
        log_p = self.log_p(y, ops.stop_gradient(z), training)
        bound, shares = importance_bound(log_p + ops.stop_gradient(log_ratio))
        return bound + encoders - ops.stop_gradient(encoders), shares, log_p

    def _fixed_decoder(self, training):
        backbone = self.decoder.backbone
        values = [(variable, ops.stop_gradient(ops.convert_to_tensor(variable))) for variable in backbone.variables]

        def decode(z):
            # Not `stateless_call`, which does not pass the training flag to nested layers.
            with keras.StatelessScope(state_mapping=values):
                return self.decode_rows(z, training)

        return decode


def build(backbone="mlp", input_shape=(28, 28, 1), latent_dim=50, m=8, k=8, loss="bernoulli", **backbone_options):
    """`latent_dim` Gaussian latent variables; the decoder is trained on the tightest bound, the encoder on a less noisy one.

    In the history, `loss` is IWAE's with m k samples, `reconstruction` the loss of the samples averaged by their normalized
    weights,
    and `kl` the rest of the bound, see `ImportanceWeightedAutoencoder`.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        m: number of bounds per image that the encoder's gradient is averaged over.
        k: number of samples per bound.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    model = functools.partial(PartiallyImportanceWeightedAutoencoder, samples=k, groups=m)
    return assemble(backbone, input_shape, GaussianCode(latent_dim), loss, backbone_options, config, model=model)
