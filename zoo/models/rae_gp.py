"""Regularized autoencoder with a gradient penalty on the decoder (Ghosh et al. 2020, arXiv:1903.12436, RAE-GP).

loss(x, D(z)) + β ½ ||z||² + λ ||∂D(z)/∂z||²_F
"""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.regularized import RegularizedCode
from zoo.layers.math.gradients import vector_jacobian_product
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.autoencoder import Autoencoder

BACKBONES = ("mlp", "conv", "resnet")


class GradientPenaltyAutoencoder(Autoencoder):
    """Adds λ times an unbiased estimate of ||∂D(z)/∂z||²_F, D(z) the decoded image, to the loss."""

    def call(self, x, training=None):
        x = self.modality.to_input(x, self.compute_dtype)
        z = self.bottleneck(self.encoder.backbone(x, training=training), training=training)
        outputs, squared = self.decoder_slope(z, training)
        self.bottleneck.add_term("decoder_penalty", self.bottleneck.weight * squared)
        return outputs

    def decoder_slope(self, z, training=None):
        """The decoder's outputs for codes z (N, D), and ||vᵀJ||² (N,), v ~ N(0, I) in the space of images: E ||vᵀJ||² = ||J||²_F.

        One backward pass for any sizes; J is the Jacobian of the image in 0..1, not of the outputs.
        """
        outputs, pull_to_code = vector_jacobian_product(lambda z: self.decoder.backbone(z, training=training), z)
        image, pull_to_outputs = vector_jacobian_product(self._image, outputs)
        v = keras.random.normal(ops.shape(image), seed=self.bottleneck.seed_generator)
        pulled = pull_to_code(ops.cast(pull_to_outputs(v), outputs.dtype))
        return outputs, ops.sum(ops.square(ops.cast(flatten(pulled), "float32")), axis=-1)

    def _image(self, outputs):
        return self.reconstruction_loss.to_image(ops.cast(outputs, "float32"))


def build(
    backbone="mlp",
    input_shape=(28, 28, 1),
    latent_dim=16,
    beta=0.05,
    weight=0.05,
    loss="bernoulli",
    **backbone_options,
):
    """A deterministic code of `latent_dim` units; `sample` samples from a Gaussian fitted to the training codes.

    Args:
        backbone: "mlp", "conv" or "resnet".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: units of the code.
        beta: β, in units of the reconstruction loss.
        weight: λ, weight of the gradient penalty, in units of the reconstruction loss.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    if backbone_options.get("batch_norm"):
        raise ZooError("the gradient penalty requires a decoder without batch normalization, got batch_norm=True; omit it.")
    code = RegularizedCode(latent_dim, beta, weight)
    return assemble(backbone, input_shape, code, loss, backbone_options, config, model=GradientPenaltyAutoencoder)
