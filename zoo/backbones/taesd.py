"""The tiny autoencoder of latent diffusion: plain convolutions, almost without normalization."""

import keras
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.group_norm import GroupNorm
from zoo.layers.blocks.strided import StridedConv2D

# Of the second branch of a block.
_EXPANSION, _GROUPS = 4, 4


def taesd(
    input_shape,
    filters=64,
    blocks=(1, 3, 3, 3),
    decoder_filters=None,
    decoder_blocks=None,
    activation="relu",
    latent_channels=4,
    global_branch=False,
):
    """Residual blocks at each resolution, each half of the one before (Bohan 2023, github.com/madebyollin/taesd).

    Inputs and outputs are images in 0..1. The decoder first clamps its codes h to 3 tanh(h / 3).

    Args:
        input_shape: (height, width, channels), height and width multiples of 2 ** (resolutions - 1).
        filters: number of feature maps of each layer.
        blocks: residual blocks per resolution, from the image to the code.
        decoder_filters: number of feature maps of the decoder's layers; None means as in the encoder.
        decoder_blocks: residual blocks per resolution, from the code to the image; None means those of the encoder, reversed.
        activation: activation function in the blocks; the one after each block is always ReLU.
        latent_channels: number of feature maps of the encoder's output.
        global_branch: whether the blocks at the lowest resolution have a second branch, see `TinyBlock`, as in the autoencoder
            for FLUX.2.
    """
    decoder_filters = filters if decoder_filters is None else decoder_filters
    decoder_blocks = tuple(reversed(blocks)) if decoder_blocks is None else tuple(decoder_blocks)
    if not blocks or len(blocks) != len(decoder_blocks):
        raise ZooError(
            f"got blocks={tuple(blocks)} and decoder_blocks={decoder_blocks}, expected one number per resolution in both."
        )
    height, width, _ = input_shape
    count = len(blocks)
    factor = 2 ** (count - 1)
    if height % factor or width % factor:
        raise ZooError(
            f"got images of {height} x {width} for {count} resolutions, expected height and width divisible by {factor}."
        )

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(f"the tiny decoder requires feature maps, got a code of shape {tuple(code_shape)}.")
        stages = [SoftClamp(), _conv(decoder_filters), layers.Activation(activation)]
        for i, count in enumerate(decoder_blocks):
            stages += [TinyBlock(decoder_filters, activation, global_branch and i == 0) for _ in range(count)]
            if i < len(decoder_blocks) - 1:
                stages += [layers.UpSampling2D(2, data_format="channels_last"), _conv(decoder_filters, use_bias=False)]
        return Backbone([*stages, _conv(outputs)])

    stages, names = [], []
    for i, count in enumerate(blocks):
        stages.append(StridedConv2D(filters, use_bias=False) if i else _conv(filters))
        stages += [TinyBlock(filters, activation, global_branch and i == len(blocks) - 1) for _ in range(count)]
        names += [None] * count + [f"stage{i + 1}"]
    return Pair(Backbone([*stages, _conv(latent_channels)], [*names, None]), decoder)


def _conv(filters, use_bias=True):
    return layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, data_format="channels_last")


def _pointwise(filters):
    return layers.Conv2D(filters, 1, use_bias=False, data_format="channels_last")


class TinyBlock(layers.Layer):
    """relu(x + conv(act(conv(act(conv(x)))))), (N, H, W, filters) -> the same shape.

    Args:
        filters: number of feature maps.
        activation: activation function between the convolutions.
        global_branch: whether x is first replaced by x + conv(relu(norm(conv(x)))), convolutions of single pixels to four times
            the maps and back. Group normalization makes it depend on the whole image.
    """

    def __init__(self, filters, activation, global_branch=False, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.conv1, self.conv2, self.conv3 = _conv(filters), _conv(filters), _conv(filters)
        self.expand = self.norm = self.reduce = None
        if global_branch:
            self.expand, self.reduce = _pointwise(_EXPANSION * filters), _pointwise(filters)
            self.norm = GroupNorm(_GROUPS, epsilon=1e-5)

    def build(self, input_shape):
        for conv in (self.conv1, self.conv2, self.conv3):
            conv.build(input_shape)
        if self.norm is not None:
            wide = (*input_shape[:-1], self.expand.filters)
            self.expand.build(input_shape)
            self.norm.build(wide)
            self.reduce.build(wide)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        if self.norm is not None:
            x = x + self.reduce(ops.relu(self.norm(self.expand(x))))
        h = self.activation(self.conv1(x))
        return ops.relu(x + self.conv3(self.activation(self.conv2(h))))


class SoftClamp(layers.Layer):
    """3 tanh(x / 3), any shape: bounds codes of a diffusion model that are out of range."""

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        return 3 * ops.tanh(x / 3)
