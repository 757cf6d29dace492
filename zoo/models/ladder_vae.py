"""Ladder variational autoencoder: a stack of stochastic layers (Sønderby et al. 2016, arXiv:1602.02282; Child 2021, VDVAE).

E_q(z|x) [-log p(x|z)] + Σ_l E_q KL(q(z_l|z_<l, x) || p(z_l|z_<l)), in nats per image, z_1 the coarsest
"""

import math

import keras
import numpy as np
from keras import layers, ops

from zoo import backbones, losses
from zoo.backbones.resize import Crop
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.blocks.pixel_groups import PixelGroups
from zoo.layers.bottlenecks.ladder import BottomUp, Ladder, plan
from zoo.models.base.assemble import configuration
from zoo.models.base.autoencoder import Autoencoder
from zoo.models.base.decoder import Decoder
from zoo.models.base.encoder import Encoder
from zoo.optimizers.adam import Adam
from zoo.utils.batching import apply_in_batches

BACKBONES = ("conv", "resnet")


class LadderEncoder(Encoder):
    """An encoder whose bottleneck takes the outputs of all stages of the backbone, not only the last."""

    def build(self, input_shape):
        self.data_shape = tuple(input_shape[1:])
        self.bottleneck.build([maps.shape for maps in self.backbone(keras.KerasTensor(input_shape))])
        self.built = True


class GroupDecoder(Decoder):
    """A decoder whose backbone is a `PixelGroups`."""

    def build(self, code_shape):
        self.data_shape = tuple(code_shape[1:])
        self.backbone.build(code_shape)
        self.built = True

    def outputs(self, z, x, training=None):
        return self.backbone(z, x)


class GroupedLadder(Autoencoder):
    """A ladder VAE whose decoder samples pixels in groups."""

    def sample(self, n, seed=0, batch_size=256):
        """`n` images, float32 0..1, sampled with `seed`: the codes from the prior and, group by group, the pixels from p(x|z).

        The means, which other variants return, would here be conditioned on means and become too smooth.
        """
        if n < 1:
            raise ZooError(f"got n={n} samples, expected at least 1.")
        rng = np.random.default_rng(seed)
        latents = rng.standard_normal((n, self.bottleneck.noise_size), dtype=np.float32)
        # The logarithm is not finite at 0 and 1.
        pixels = np.clip(rng.random((n, math.prod(self.decoder.backbone.uniform_shape)), dtype=np.float32), 1e-6, 1 - 1e-6)
        return apply_in_batches(self, self._sample_pixels, np.concatenate([latents, pixels], axis=1), batch_size)

    def _target(self, x, y):
        if y is not None:
            raise ZooError("with groups, ladder_vae is trained on its own input; call fit(images) only.")
        return super()._target(x, y)

    def _sample_pixels(self, numbers):
        latents, pixels = ops.split(numbers, [self.bottleneck.noise_size], axis=1)
        pixel_groups = self.decoder.backbone
        return pixel_groups.draw(self.bottleneck.from_noise(latents), ops.reshape(pixels, (-1, *pixel_groups.uniform_shape)))


def build(
    backbone="conv",
    input_shape=(28, 28, 1),
    stochastic_layers: int | tuple = 2,
    latents=16,
    free_bits=0.0,
    warmup_steps=0,
    patches=False,
    groups=(),
    loss="bernoulli",
    activation="silu",
    **backbone_options,
):
    """A bottom-up backbone; each stage is the input of `stochastic_layers` stochastic layers of the top-down pass.

    The top-down pass is as wide as the bottom-up stages. The features are the means of all latents, coarsest first, each
    averaged over at most 4 x 4 regions; the code is the last state of the top-down pass.

    Args:
        backbone: "conv" or "resnet".
        input_shape: (height, width, channels).
        stochastic_layers: number of stochastic layers at each stage of the backbone, finest first, or one number for all stages.
        latents: number of maps of latent variables per stochastic layer.
        free_bits: in nats per map of latents: a divergence below this value is not reduced further.
        warmup_steps: training steps over which the weight of the divergences rises from 0 to 1.
        patches: whether each posterior also takes the patches of the image at its resolution, by a linear map. On color images,
            the fine layers otherwise stay unused for thousands of steps.
        groups: () for a decoder with independent pixels, or the number of feature maps of each of L levels, finest first, for a
            decoder that samples the upper left of each 2^L x 2^L pixels from the code, and the others in groups conditioned on
            the groups before, see `zoo.layers.blocks.pixel_groups`. Codes are decoded to the means of the groups; `sample`
            samples the pixels.
        loss: the likelihood: "bernoulli", "gaussian" or "logistic_mixture", see `zoo.losses`.
        activation: activation function of both passes.
        **backbone_options: see `zoo.backbones`; a stage of stride 1 keeps the image's own resolution.

    Raises:
        ZooError: if `stochastic_layers` does not match the stages, if `groups` are not numbers of maps or do not fit the image,
            or if the backbone has a linear path.
    """
    config = configuration(build, locals())
    loss, shape = losses.get(loss), tuple(input_shape)
    pair = backbones.build(backbone, shape, activation=activation, **backbone_options)
    if pair.linear_path:
        raise ZooError("linear_path is not available for ladder_vae, which has several codes; omit it.")
    bottleneck = Ladder(plan(stochastic_layers, len(pair.encoder.stage_names)), latents, activation, warmup_steps, free_bits)
    encoder = LadderEncoder(BottomUp(pair.encoder, patches), bottleneck, name="encoder")
    encoder.build((None, *shape))
    if not isinstance(groups, (tuple, list)) or not all(isinstance(maps, int) and maps > 0 for maps in groups):
        raise ZooError(
            f"got groups={groups!r}, expected the number of maps of each level, finest first, such as (96, 128), or ()."
        )
    kind = GroupedLadder if groups else Autoencoder
    if groups:
        decoder = GroupDecoder(PixelGroups(shape, groups, loss, activation), loss, name="decoder")
    else:
        decoder = Decoder(_head(bottleneck.code_shape, shape, loss, activation), loss, name="decoder")
    model = kind(encoder, decoder, config=config, name=f"ladder_vae_{backbone}")
    model.build((None, *shape))
    model.compile(Adam(1e-3))
    return model


def _head(code_shape, image_shape, loss, activation):
    """From the last state to the outputs per pixel: enlargement to the image's size, if necessary, and one convolution."""
    height, width, maps = code_shape
    stride = max(-(-image_shape[0] // height), -(-image_shape[1] // width))
    up = []
    if stride > 1:
        up = [
            layers.Activation(activation),
            layers.Conv2DTranspose(max(8, maps // 2), stride, strides=stride, padding="same", data_format="channels_last"),
            Crop(image_shape[:2]),
        ]
    channels = image_shape[-1]
    start = keras.initializers.Constant(loss.start(channels))
    last = layers.Conv2D(loss.parameters(channels), 3, padding="same", bias_initializer=start, data_format="channels_last")
    return Backbone([*up, layers.Activation(activation), last])
