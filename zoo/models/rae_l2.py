"""Regularized autoencoder with weight decay on the decoder (Ghosh et al. 2020, arXiv:1903.12436, RAE-L2).

loss(x, D(z)) + β ½ ||z||² + λ ||θ_D||²
"""

from keras import ops

from zoo.layers.bottlenecks.regularized import RegularizedCode
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.autoencoder import Autoencoder

BACKBONES = ("mlp", "conv", "resnet")


class DecoderDecayAutoencoder(Autoencoder):
    """Adds λ times the sum of squares of all weights of the decoder to the loss."""

    def call(self, x, training=None):
        outputs = super().call(x, training=training)
        weights = [ops.convert_to_tensor(variable) for variable in self.decoder.backbone.trainable_variables]
        squares = [ops.sum(ops.square(ops.cast(weight, "float32"))) for weight in weights]
        self.bottleneck.add_term("decoder_penalty", self.bottleneck.weight * sum(squares), of_weights=True)
        return outputs


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=16,
    beta=0.05,
    weight=1e-3,
    loss="bernoulli",
    **backbone_options,
):
    """A deterministic code of `latent_dim` units; `sample` samples from a Gaussian fitted to the training codes.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code.
        beta: β, in units of the reconstruction loss.
        weight: λ, weight of the penalty, in units of the reconstruction loss.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    code = RegularizedCode(latent_dim, beta, weight)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, model=DecoderDecayAutoencoder)
