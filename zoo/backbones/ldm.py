"""The convolutional encoder and decoder of VQGAN and of latent diffusion, including Stable Diffusion."""

from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.fold import fold, unfold
from zoo.layers.blocks.group_norm import GroupNorm
from zoo.layers.blocks.shortcut import Shortcut, as_many, check_maps


def ldm(
    input_shape,
    filters=(128, 256, 512, 512),
    blocks=2,
    groups=32,
    attention=(),
    middle_attention=True,
    latent_channels=4,
    decoder_filters=None,
    decoder_blocks=None,
    folding=False,
):
    """Stages of residual blocks with the image halved between them, and attention at the lowest resolution.

    Esser, Rombach & Ommer 2021, "Taming transformers for high-resolution image synthesis", arXiv:2012.09841; Rombach et al.
    2022, "High-resolution image synthesis with latent diffusion models", arXiv:2112.10752. The defaults are Stable Diffusion's.

    Args:
        input_shape: (height, width, channels), height and width multiples of 2 ** (stages - 1).
        filters: number of feature maps of each stage.
        blocks: residual blocks per stage; the decoder has one more.
        groups: number of groups of the group normalization; must divide all filters.
        attention: indices of the stages, from 0, with attention after each block.
        middle_attention: whether there is attention between the two middle blocks.
        latent_channels: number of feature maps of the encoder's output.
        decoder_filters, decoder_blocks: the same as `filters` and `blocks` for the decoder, in the same order, as in asymmetric
            autoencoders (Zhu et al. 2023, arXiv:2306.04632); None means those of the encoder.
        folding: whether the size is changed by folding pixels into maps and back, with shortcuts around that and around the
            convolutions at the code, as in HunyuanImage 2.1 (Tencent 2025, github.com/Tencent-Hunyuan/HunyuanImage-2.1).
    """
    decoder_filters = tuple(decoder_filters or filters)
    decoder_blocks = blocks if decoder_blocks is None else decoder_blocks
    if len(decoder_filters) != len(filters):
        raise ZooError(f"got decoder_filters={decoder_filters} for {len(filters)} stages, expected as many numbers.")
    height, width, _ = input_shape
    factor = 2 ** (len(filters) - 1)
    if height % factor or width % factor:
        raise ZooError(
            f"got images of {height} x {width} for {len(filters)} stages, expected height and width divisible by {factor}."
        )
    if any(count % groups for count in (*filters, *decoder_filters)):
        every = (*filters, *decoder_filters) if decoder_filters != tuple(filters) else tuple(filters)
        raise ZooError(f"got groups={groups} and filters={every}, expected a number of groups that divides them all.")
    if not set(attention) <= set(range(len(filters))):
        raise ZooError(f"got attention={tuple(attention)}, expected stages from 0 to {len(filters) - 1}.")
    common = dict(groups=groups, attention=frozenset(attention), middle_attention=middle_attention, folding=folding)

    def decoder(code_shape, outputs):
        return LDMDecoder(decoder_filters, decoder_blocks + 1, outputs=outputs, **common)

    return Pair(LDMEncoder(tuple(filters), blocks, outputs=latent_channels, **common), decoder)


class LDMEncoder(Backbone):
    """Images (N, H, W, C), 0..1, to feature maps (N, H / f, W / f, outputs).

    Args:
        filters: number of feature maps of each stage.
        blocks: residual blocks per stage.
        groups: number of groups of the group normalization.
        attention: indices of the stages with attention.
        middle_attention: whether there is attention between the middle blocks.
        outputs: number of output maps.
        folding: see `ldm`.
    """

    def __init__(self, filters, blocks, groups, attention, middle_attention, outputs, folding=False):
        conv_in, conv_out, norm_out = _conv(filters[0]), _conv(outputs), GroupNorm(groups)
        smaller = [*(FoldingDownsample(n) if folding else Downsample(m) for m, n in zip(filters, filters[1:])), None]
        parts = [Stage(n, blocks, groups, i in attention, smaller[i]) for i, n in enumerate(filters)]
        middle = MiddleBlock(filters[-1], groups, middle_attention)
        names = [None, None, *(f"stage{i + 1}" for i in range(len(filters))), "middle", None, None, None]
        # These networks are trained on images in -1..1.
        end = [norm_out, layers.Activation("silu"), conv_out]
        end = [layers.Identity(), layers.Identity(), Shortcut(end, outputs)] if folding else end
        super().__init__([layers.Rescaling(2.0, -1.0), conv_in, *parts, middle, *end], names)
        # Also as named attributes, which give the names of the weights.
        self.conv_in, self.blocks, self.middle, self.norm_out, self.conv_out = conv_in, parts, middle, norm_out, conv_out


class LDMDecoder(Backbone):
    """Feature maps (N, h, w, any number) to outputs (N, h f, w f, outputs), which for images are in 0..1.

    Args: see `LDMEncoder`, whose filters are used in reverse order.
    """

    def __init__(self, filters, blocks, groups, attention, middle_attention, outputs, folding=False):
        conv_in, conv_out, norm_out = _conv(filters[-1]), _conv(outputs), GroupNorm(groups)
        larger = [None, *(FoldingUpsample(m) if folding else Upsample(n) for m, n in zip(filters, filters[1:]))]
        parts = [Stage(n, blocks, groups, i in attention, larger[i]) for i, n in reversed(list(enumerate(filters)))]
        middle = MiddleBlock(filters[-1], groups, middle_attention)
        start = Shortcut([conv_in], filters[-1]) if folding else conv_in
        super().__init__([start, middle, *parts, norm_out, layers.Activation("silu"), conv_out, layers.Rescaling(0.5, 0.5)])
        self.conv_in, self.blocks, self.middle, self.norm_out, self.conv_out = conv_in, parts, middle, norm_out, conv_out


class Stage(layers.Layer):
    """Residual blocks with `filters` maps, optionally each followed by attention, and an optional change of size at the end.

    Args:
        filters: number of feature maps.
        blocks: number of blocks.
        groups: number of groups of the group normalization.
        attention: whether each block is followed by attention.
        resize: `Downsample`, `Upsample` or None.
    """

    def __init__(self, filters, blocks, groups, attention, resize, **kwargs):
        super().__init__(**kwargs)
        self.resnets = [ResidualBlock(filters, groups) for _ in range(blocks)]
        self.attentions = [MapAttention(filters, groups) for _ in range(blocks)] if attention else []
        self.resize = resize

    def _steps(self):
        for i, block in enumerate(self.resnets):
            yield block
            yield from self.attentions[i : i + 1]
        if self.resize is not None:
            yield self.resize

    def build(self, input_shape):
        shape = input_shape
        for step in self._steps():
            step.build(shape)
            shape = step.compute_output_shape(shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        for step in self._steps():
            input_shape = step.compute_output_shape(input_shape)
        return input_shape

    def call(self, x):
        for step in self._steps():
            x = step(x)
        return x


class MiddleBlock(layers.Layer):
    """A residual block, optional attention, and a residual block, all with `filters` maps."""

    def __init__(self, filters, groups, attention, **kwargs):
        super().__init__(**kwargs)
        self.resnets = [ResidualBlock(filters, groups) for _ in range(2)]
        self.attentions = [MapAttention(filters, groups)] if attention else []

    def build(self, input_shape):
        for step in (*self.resnets, *self.attentions):
            step.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        return self.resnets[1](x)


class ResidualBlock(layers.Layer):
    """x + conv(silu(norm(conv(silu(norm(x)))))), x through a 1 x 1 convolution if it does not have `filters` maps."""

    def __init__(self, filters, groups, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.norm1, self.conv1 = GroupNorm(groups), _conv(filters)
        self.norm2, self.conv2 = GroupNorm(groups), _conv(filters)
        self.shortcut = None

    def build(self, input_shape):
        shape = self.compute_output_shape(input_shape)
        self.norm1.build(input_shape)
        self.conv1.build(input_shape)
        self.norm2.build(shape)
        self.conv2.build(shape)
        if input_shape[-1] != self.filters:
            self.shortcut = layers.Conv2D(self.filters, 1, data_format="channels_last")
            self.shortcut.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def call(self, x):
        h = self.conv1(ops.silu(self.norm1(x)))
        h = self.conv2(ops.silu(self.norm2(h)))
        return h + (x if self.shortcut is None else self.shortcut(x))


class MapAttention(layers.Layer):
    """x + attention(norm(x)) over the positions of feature maps (N, H, W, filters), with one head.

    The scores are computed for some thousand positions at a time, because their total size is quadratic in the number of pixels.
    """

    _SCORES = 2**24

    def __init__(self, filters, groups, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.norm = GroupNorm(groups)
        self.query, self.key, self.value, self.out = (layers.Dense(filters) for _ in range(4))

    def build(self, input_shape):
        self.norm.build(input_shape)
        for dense in (self.query, self.key, self.value, self.out):
            dense.build((None, None, self.filters))
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        height, width = x.shape[1:3]
        places = height * width
        h = ops.reshape(self.norm(x), (-1, places, self.filters))
        query, key, value = self.query(h) * self.filters**-0.5, ops.transpose(self.key(h), (0, 2, 1)), self.value(h)
        step = max(1, min(places, self._SCORES // places))
        mixed = [ops.matmul(ops.softmax(ops.matmul(query[:, i : i + step], key), axis=-1), value) for i in range(0, places, step)]
        mixed = ops.concatenate(mixed, axis=1) if len(mixed) > 1 else mixed[0]
        return x + ops.reshape(self.out(mixed), (-1, height, width, self.filters))


class Downsample(layers.Layer):
    """Halves height and width, by a convolution padded at the bottom and the right only."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, strides=2, padding="valid", data_format="channels_last")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, maps = input_shape
        return count, height // 2, width // 2, maps

    def call(self, x):
        return self.conv(ops.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))))


class Upsample(layers.Layer):
    """Doubles height and width: nearest-neighbor enlargement, then a convolution."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = _conv(filters)

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, maps = input_shape
        return count, 2 * height, 2 * width, maps

    def call(self, x):
        return self.conv(ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2))


class FoldingDownsample(layers.Layer):
    """(N, 2 H, 2 W, C) to (N, H, W, filters): a convolution to a quarter of the maps, folded, plus the folded input."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        if filters % 4:
            raise ZooError(f"got {filters} filters after folding, expected a multiple of 4.")
        self.filters = filters
        self.conv = _conv(filters // 4)

    def build(self, input_shape):
        check_maps(4 * input_shape[-1], self.filters)
        self.conv.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, height // 2, width // 2, self.filters

    def call(self, x):
        size = (x.shape[1] // 2, x.shape[2] // 2)
        return fold(self.conv(x), size) + as_many(fold(x, size), self.filters)


class FoldingUpsample(layers.Layer):
    """(N, H, W, C) to (N, 2 H, 2 W, filters): a convolution to four times the maps, unfolded, plus the unfolded input."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv = _conv(4 * filters)

    def build(self, input_shape):
        check_maps(input_shape[-1], 4 * self.filters)
        self.conv.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, 2 * height, 2 * width, self.filters

    def call(self, x):
        shape = (2 * x.shape[1], 2 * x.shape[2], self.filters)
        return unfold(self.conv(x), shape) + unfold(as_many(x, 4 * self.filters), shape)


def _conv(filters):
    return layers.Conv2D(filters, 3, padding="same", data_format="channels_last")
