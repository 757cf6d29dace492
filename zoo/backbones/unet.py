"""Residual U-Net: features at every resolution on the way down, and joined again on the way up."""

import keras
from keras import layers

from zoo.backbones.backbone import Backbone, Pair, regularizer
from zoo.backbones.resize import Crop, halved
from zoo.backbones.resnet import ResidualBlock
from zoo.errors import ZooError


def unet(
    input_shape,
    filters=(48, 96, 192),
    blocks=2,
    activation="silu",
    dropout=0.0,
    weight_decay=0.0,
):
    """A U-Net (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597) of residual blocks, for networks from images to images.

    All of it is the encoder, as skips cannot pass a bottleneck: the code are the feature maps at its end, at full resolution,
    and the decoder is one convolution that reads them. Features lie at every depth: `down1` to the deepest, then `up` back to
    `up1`; those of a denoiser are best in the middle (Xiang et al. 2023, "Denoising diffusion autoencoders are unified
    self-supervised learners", arXiv:2303.09769).

    Args:
        input_shape: (height, width, channels); any size, odd ones are cropped back.
        filters: feature maps of every resolution, each half of the one before.
        blocks: residual blocks a resolution, on either way.
        activation: inside the blocks.
        dropout: share of whole feature maps dropped in training, in every block.
        weight_decay: L2 penalty on the kernels, added to the loss.
    """
    if len(filters) < 2:
        raise ZooError(f"got filters={tuple(filters)}, expected the feature maps of at least two resolutions.")
    encoder = UNet(input_shape, tuple(filters), blocks, activation, dropout, weight_decay)

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(f"a U-Net keeps its maps as the code, got a code of shape {tuple(code_shape)}; set latent_dim=None.")
        return Backbone([layers.Conv2D(outputs, 3, padding="same", kernel_regularizer=regularizer(weight_decay))])

    return Pair(encoder, decoder)


class UNet(layers.Layer):
    """(N, H, W, C) -> (N, H, W, filters[0])."""

    def __init__(self, input_shape, filters, blocks, activation, dropout, weight_decay, **kwargs):
        super().__init__(**kwargs)
        decay = regularizer(weight_decay)

        def stage(count):
            return Backbone([ResidualBlock(count, activation, dropout, weight_decay) for _ in range(blocks)])

        sizes = [tuple(input_shape[:2])]
        for _ in filters[1:]:
            sizes.append(halved(sizes[-1]))
        self.enter = [
            layers.Conv2D(count, 3, strides=2 if i else 1, padding="same", kernel_regularizer=decay)
            for i, count in enumerate(filters)
        ]
        self.down = [stage(count) for count in filters]
        self.rise = [
            layers.Conv2DTranspose(count, 4, strides=2, padding="same", kernel_regularizer=decay) for count in filters[:-1]
        ]
        self.crop = [Crop(size) for size in sizes[:-1]]
        self.up = [stage(count) for count in filters[:-1]]
        self.activation = keras.activations.get(activation)

    @property
    def stage_names(self):
        """Names of the depths that `until` can stop at, first to last."""
        down = [f"down{i + 1}" for i in range(len(self.down))]
        return down + [f"up{i + 1}" for i in reversed(range(len(self.up)))]

    def build(self, input_shape):
        self.until(keras.KerasTensor(input_shape), "up1")
        self.built = True

    def until(self, x, name):
        """The output of the stage called `name`."""
        skips = []
        for i, (enter, stage) in enumerate(zip(self.enter, self.down)):
            x = stage(enter(x))
            skips.append(x)
            if name == f"down{i + 1}":
                return x
        for i in reversed(range(len(self.up))):
            # Added, not concatenated: as good (Hoogeboom et al. 2023, "simple diffusion", arXiv:2301.11093) and half the work.
            x = self.up[i](self.crop[i](self.rise[i](x)) + skips[i])
            if name == f"up{i + 1}":
                return x

    def call(self, x):
        return self.activation(self.until(x, "up1"))
