"""VAE-GAN: reconstructions are compared by a discriminator's features (Larsen et al. 2016, arXiv:1512.09300).

E_q(z|x) ½ ||f(x) - f(x̂)||² + KL(q(z|x) || N(0, I)) - w [E log D(x̂) + E_p(z) log D(x_p)], f a layer of the discriminator D,
which minimizes -E log D(x) - E log (1 - D(x̂)) - E log (1 - D(x_p))
"""

import keras
from keras import ops

from zoo import backbones
from zoo.layers.adversarial.adversary import Adversary, generator_loss
from zoo.layers.bottlenecks.code import flatten
from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.layers.state import add_state
from zoo.losses import ReconstructionLoss
from zoo.modalities.tensors import to_unit
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.autoencoder import Autoencoder
from zoo.models.base.reconstruction_term import AddsReconstructionTerm
from zoo.utils.numbers import check_at_least

BACKBONES = ("conv", "resnet", "mlp")
# Options that the discriminator does not use: its input is images, layers with a state would not be updated in it, and weight
# decay would apply to the optimizer's weights, not to the effective ones.
_NOT_THE_DISCRIMINATORS = ("linear_path", "dropout", "batch_norm", "weight_decay")
_WINDOW = 100


class ImageDiscriminator(keras.layers.Layer):
    """Images (N, *input_shape) to logits (N, 1) and to the features (N, D) before them, those of a backbone."""

    def __init__(self, backbone, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone
        self.logit = keras.layers.Dense(1)

    def build(self, input_shape):
        self.logit.build(flatten(self.backbone(keras.KerasTensor(input_shape))).shape)
        self.built = True

    def call(self, x):
        features = flatten(self.backbone(x))
        return self.logit(features), features


class GANCode(GaussianCode):
    """A Gaussian code that owns the image discriminator and adds the adversarial losses as well as its divergence.

    Args:
        units: number of latent variables.
        weight: w.
        adversary: an `Adversary` of images.
    """

    loss_names = ("kl", "adversarial", "discriminator")

    def __init__(self, units, weight, adversary, **kwargs):
        check_at_least(0, weight=weight)
        super().__init__(units, **kwargs)
        self.weight = weight
        self.adversary = adversary

    def build(self, input_shape):
        super().build(input_shape)
        self.power = add_state(self, "power", initializer="ones")
        self.batches = add_state(self, "batches")

    def add_adversarial_terms(self, real, generated, training):
        """Add both adversarial losses, for images (N, ...) and generated images (2N, ...), half from codes, half from the prior.

        Returns:
            Features (N, D) of the real images, as returned by `features_of`, without a gradient.
        """
        for_discriminator, for_generator = self.adversary.for_both(generated)
        # Twice the mean over both halves is the sum of their means.
        self.add_term("adversarial", self.weight * 2 * generator_loss(for_generator[0]))
        logits, features = self.adversary.for_discriminator(real)
        self.add_term("discriminator", ops.mean(ops.softplus(-logits)) + 2 * ops.mean(ops.softplus(for_discriminator[0])))
        features = ops.stop_gradient(features)
        if training:
            batches = ops.minimum(ops.convert_to_tensor(self.batches) + 1, float(_WINDOW))
            self.power.assign_add((ops.mean(ops.square(features)) - self.power) / batches)
            self.batches.assign(batches)
        return features / self._deviation()

    def features_of(self, images):
        """Features (N, D) of images in the discriminator, with mean square about 1 over recent training images."""
        return self.adversary.for_generator(images)[1] / self._deviation()

    def _deviation(self):
        return ops.sqrt(ops.convert_to_tensor(self.power) + 1e-6)


class FeatureMatching(ReconstructionLoss):
    """½ ||f(x) - f(x̂)||² with the discriminator's features f: -log N(f(x); f(x̂), I) in nats, up to a constant.

    The features are scaled to a mean square of 1, as by the paper's batch normalization. Without the scale, the weight of this
    term would change as the discriminator changes.

    Args:
        code: the `GANCode` that owns the discriminator.
    """

    def __init__(self, code, name="feature_matching", **kwargs):
        super().__init__(name, **kwargs)
        self.code = code

    def call(self, x, outputs):
        return self.loss_of_features(self.code.features_of(x), outputs)

    def loss_of_features(self, features, outputs):
        """The loss (N,) of outputs (N, ...) for images with the given features (N, D)."""
        return 0.5 * ops.sum(ops.square(features - self.code.features_of(self.to_image(outputs))), axis=-1)

    def to_image(self, outputs):
        return ops.sigmoid(outputs)


class VAEGAN(AddsReconstructionTerm, Autoencoder):
    """The encoder is trained on the divergence and the features only, the decoder on the features and the adversarial loss.

    The discriminator's features of the images serve both the adversarial loss and the reconstruction loss. The model adds the
    reconstruction loss itself, so that the discriminator processes the images only once.
    """

    def call(self, x, training=None):
        x = to_unit(x, self.compute_dtype)
        z = self.bottleneck(self.encoder.backbone(x, training=training), training=training)
        prior = keras.random.normal(ops.shape(z), dtype=z.dtype, seed=self.bottleneck.seed_generator)
        generated = self.decoder.backbone(ops.concatenate([ops.stop_gradient(z), prior]), training=training)
        generated = self.reconstruction_loss.to_image(ops.cast(generated, "float32"))
        features = self.bottleneck.add_adversarial_terms(x, generated, training)
        outputs = self.decoder.backbone(z, training=training)
        loss = self.reconstruction_loss.loss_of_features(features, ops.cast(outputs, "float32"))
        self.bottleneck.add_term("reconstruction", loss)
        return outputs


def build(
    backbone="conv",
    input_shape=(28, 28, 1),
    latent_dim=64,
    weight=20.0,
    discriminator_rate=1.0,
    **backbone_options,
):
    """`latent_dim` Gaussian latent variables; the features are their means, `reconstruction` in the history is feature matching.

    The discriminator has the encoder's architecture. The paper's γ is 1 / `weight`: it weights the features in the decoder's loss
    only, which with Adam, invariant to the scale of the gradient, is equivalent to weighting the adversarial loss by 1 / γ.

    Args:
        backbone: "conv", "resnet" or "mlp".
        input_shape: (height, width, channels), or (features,) for "mlp".
        latent_dim: number of latent variables.
        weight: w, weight of the adversarial loss in the decoder's loss.
        discriminator_rate: factor on the learning rate of the discriminator, which is trained by the same optimizer as the rest.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    options = {key: value for key, value in backbone_options.items() if key not in _NOT_THE_DISCRIMINATORS}
    network = ImageDiscriminator(backbones.build(backbone, tuple(input_shape), **options).encoder)
    adversary = Adversary(network, discriminator_rate)
    adversary.build((None, *input_shape))
    code = GANCode(latent_dim, weight, adversary)
    return assemble(backbone, input_shape, code, FeatureMatching(code), backbone_options, config, model=VAEGAN)
