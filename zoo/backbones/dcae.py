"""The deep compression autoencoder: shortcuts for each change of size, and attention at low resolutions."""

from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.efficient_vit import EfficientViTBlock
from zoo.layers.blocks.pixel_shuffle import pixel_shuffle, pixel_unshuffle
from zoo.layers.blocks.rms_norm import RMSNorm
from zoo.layers.blocks.shortcut import as_many, check_maps
from zoo.layers.blocks.strided import StridedConv2D


def dcae(
    input_shape,
    filters=(128, 256, 512, 512, 1024, 1024),
    blocks=(2, 2, 2, 3, 3, 3),
    kinds: str | tuple = ("residual", "residual", "residual", "attention", "attention", "attention"),
    scales=((), (), (), (5,), (5,), (5,)),
    decoder_filters=None,
    decoder_blocks=None,
    decoder_kinds=None,
    decoder_scales=None,
    decoder_norms: str | tuple = "rms_norm",
    decoder_activations: str | tuple = "silu",
    last_activation="relu",
    head_dim=32,
    downsample="conv",
    upsample="interpolate",
    out_shortcut=True,
    in_shortcut=True,
    latent_channels=32,
):
    """DC-AE (Chen et al. 2024, arXiv:2410.10733): stages that halve the image, each change of size learned as a residual.

    Options per stage are tuples from the highest resolution to the lowest, also for the decoder, or one value for all stages.
    The defaults are the encoder of Sana's autoencoder (Xie et al. 2024, arXiv:2410.10629) and the mirrored decoder.

    Args:
        input_shape: (height, width, channels), height and width multiples of 2 ** (stages - 1).
        filters: number of feature maps of each stage.
        blocks: number of blocks of each stage; a first stage with 0 blocks is skipped, and the image is halved at once.
        kinds: kind of the blocks of each stage: "residual" or "attention".
        scales: for each stage with attention, the odd widths of its windows, in addition to single pixels.
        decoder_filters, decoder_blocks, decoder_kinds, decoder_scales: the same for the decoder; None means as in the encoder.
        decoder_norms: normalization of each decoder stage: "rms_norm" (as in the encoder) or "batch_norm".
        decoder_activations: activation function in the residual blocks of each decoder stage: "silu" (as in the encoder) or
            "relu".
        last_activation: activation function before the decoder's last convolution.
        head_dim: size of an attention head.
        downsample: "conv", with stride 2, or "pixel_unshuffle", a convolution and a rearrangement of pixels to maps.
        upsample: "interpolate", nearest-neighbor enlargement and a convolution, or "pixel_shuffle", a convolution and a
            rearrangement of maps to pixels.
        out_shortcut: whether the averaged last maps of the encoder are added to its output.
        in_shortcut: whether the decoder's input, repeated, is added to its first maps.
        latent_channels: number of feature maps of the encoder's output.
    """
    stages = len(filters)
    _check_size(input_shape, stages)
    encoder = _stages(stages, "", filters, blocks, kinds, scales)
    decoder_blocks = blocks if decoder_blocks is None else decoder_blocks
    decoder_parts = _stages(
        stages,
        "decoder_",
        filters if decoder_filters is None else decoder_filters,
        decoder_blocks,
        kinds if decoder_kinds is None else decoder_kinds,
        scales if decoder_scales is None else decoder_scales,
        decoder_norms,
        decoder_activations,
    )
    least = min((s["filters"] for s in encoder + decoder_parts if s["kinds"] == "attention" and s["blocks"]), default=head_dim)
    if least < head_dim:
        raise ZooError(f"got head_dim={head_dim} for attention with {least} filters, expected at most {least}.")
    _check_choice("downsample", downsample, ("conv", "pixel_unshuffle"))
    _check_choice("upsample", upsample, ("interpolate", "pixel_shuffle"))

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(f"the decoder of DC-AE requires feature maps, got a code of shape {tuple(code_shape)}.")
        return DCDecoder(decoder_parts, head_dim, upsample == "pixel_shuffle", in_shortcut, last_activation, outputs)

    return Pair(DCEncoder(encoder, head_dim, downsample == "pixel_unshuffle", out_shortcut, latent_channels), decoder)


def _check_size(input_shape, stages):
    height, width, _ = input_shape
    factor = 2 ** (stages - 1)
    if stages < 2:
        raise ZooError(f"got filters of {stages} stages, expected at least two.")
    if height % factor or width % factor:
        raise ZooError(f"got images of {height} x {width} for {stages} stages, expected height and width divisible by {factor}.")


def _check_choice(name, value, known):
    if value not in known:
        raise ZooError(f"got {name}={value!r}, expected {' or '.join(map(repr, known))}.")


def _stages(count, prefix, filters, blocks, kinds, scales, norms="rms_norm", activations="silu"):
    """One mapping per stage, highest resolution first."""
    found = {"filters": filters, "blocks": blocks, "kinds": kinds, "scales": scales, "norms": norms, "activations": activations}
    for name, values in found.items():
        if isinstance(values, str):
            found[name] = (values,) * count
        elif len(values) != count:
            raise ZooError(f"got {prefix}{name} for {len(values)} stages, but filters for {count}.")
    for name, known in (
        ("kinds", ("residual", "attention")),
        ("norms", ("rms_norm", "batch_norm")),
        ("activations", ("silu", "relu")),
    ):
        for value in found[name]:
            _check_choice(f"{prefix}{name}", value, known)
    if not all(found["blocks"][1:]):
        raise ZooError(f"got {prefix}blocks={tuple(blocks)}; only the first stage may have 0 blocks.")
    return [dict(zip(found, values)) for values in zip(*found.values())]


def _block(head_dim, filters, kinds, scales, norms, activations, **_):
    norm = RMSNorm() if norms == "rms_norm" else layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    if kinds == "attention":
        return EfficientViTBlock(head_dim, scales, norm)
    return ResidualBlock(filters, activations, norm)


class DCEncoder(Backbone):
    """Images (N, H, W, C), 0..1, to feature maps (N, H / f, W / f, outputs).

    Args:
        stages: one mapping per stage.
        head_dim: size of an attention head.
        unshuffle: whether the size is changed by rearranging pixels to maps.
        shortcut: whether the averaged last maps are added to the output.
        outputs: number of output maps.
    """

    def __init__(self, stages, head_dim, unshuffle, shortcut, outputs):
        filters = [stage["filters"] for stage in stages]
        skipped = not stages[0]["blocks"]
        conv_in = Down(filters[1], unshuffle, shortcut=False) if skipped else _conv(filters[0])
        blocks = []
        for i, stage in enumerate(stages):
            chain = [_block(head_dim, **stage) for _ in range(stage["blocks"])]
            if chain and i + 1 < len(stages):
                chain.append(Down(filters[i + 1], unshuffle))
            blocks.append(Backbone(chain))
        conv_out = ShortcutConv2D(outputs) if shortcut else _conv(outputs)
        names = [None if skipped and i == 0 else f"stage{i + 1}" for i in range(len(stages))]
        # These networks are trained on images in -1..1.
        super().__init__([layers.Rescaling(2.0, -1.0), conv_in, *blocks, conv_out], [None, None, *names, None])
        self.conv_in, self.blocks, self.conv_out = conv_in, blocks, conv_out


class DCDecoder(Backbone):
    """Feature maps (N, h, w, any number) to outputs (N, h f, w f, outputs), which for images are in 0..1.

    Args:
        stages: one mapping per stage, highest resolution first; they are applied in reverse order.
        head_dim: size of an attention head.
        shuffle: whether the size is changed by rearranging maps to pixels.
        shortcut: whether the code, repeated, is added to the first maps.
        activation: activation function before the last convolution.
        outputs: number of output maps.
    """

    def __init__(self, stages, head_dim, shuffle, shortcut, activation, outputs):
        filters = [stage["filters"] for stage in stages]
        skipped = not stages[0]["blocks"]
        conv_in = ShortcutConv2D(filters[-1]) if shortcut else _conv(filters[-1])
        blocks = []
        for i, stage in enumerate(stages):
            chain = [_block(head_dim, **stage) for _ in range(stage["blocks"])]
            if chain and i + 1 < len(stages):
                chain.insert(0, Up(filters[i], shuffle))
            blocks.append(Backbone(chain))
        norm_out = RMSNorm()
        conv_out = Up(outputs, shuffle, shortcut=False) if skipped else _conv(outputs)
        last = [norm_out, layers.Activation(activation), conv_out, layers.Rescaling(0.5, 0.5)]
        super().__init__([conv_in, *reversed(blocks), *last])
        self.conv_in, self.blocks, self.norm_out, self.conv_out = conv_in, blocks, norm_out, conv_out


class ResidualBlock(layers.Layer):
    """x + norm(conv(act(conv(x)))), (N, H, W, filters) -> the same shape.

    Args:
        filters: number of feature maps.
        activation: name of the activation function.
        norm: normalization layer.
    """

    def __init__(self, filters, activation, norm, **kwargs):
        super().__init__(**kwargs)
        self.conv1, self.conv2 = (
            layers.Conv2D(filters, 3, padding="same", activation=activation, data_format="channels_last"),
            _conv(filters, use_bias=False),
        )
        self.norm = norm

    def build(self, input_shape):
        for layer in (self.conv1, self.conv2, self.norm):
            layer.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        return x + self.norm(self.conv2(self.conv1(x)))


class Down(layers.Layer):
    """Halves height and width, with `filters` output maps.

    Args:
        filters: number of output maps.
        unshuffle: use a convolution to a quarter of the maps and rearrange pixels to maps, instead of stride 2.
        shortcut: whether the pixels of x, rearranged to maps and averaged, are added.
    """

    def __init__(self, filters, unshuffle, shortcut=True, **kwargs):
        super().__init__(**kwargs)
        if unshuffle and filters % 4:
            raise ZooError(f"got {filters} filters after a pixel_unshuffle, expected a multiple of 4.")
        self.filters, self.unshuffle, self.shortcut = filters, unshuffle, shortcut
        self.conv = _conv(filters // 4) if unshuffle else StridedConv2D(filters)

    def build(self, input_shape):
        if self.shortcut:
            check_maps(4 * input_shape[-1], self.filters)
        self.conv.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, height // 2, width // 2, self.filters

    def call(self, x):
        h = self.conv(x)
        h = pixel_unshuffle(h, 2) if self.unshuffle else h
        return h + as_many(pixel_unshuffle(x, 2), self.filters) if self.shortcut else h


class Up(layers.Layer):
    """Doubles height and width, with `filters` output maps.

    Args:
        filters: number of output maps.
        shuffle: use a convolution to four times the maps and rearrange maps to pixels, instead of enlargement and a convolution.
        shortcut: whether the maps of x, repeated and rearranged to pixels, are added.
    """

    def __init__(self, filters, shuffle, shortcut=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.shuffle, self.shortcut = filters, shuffle, shortcut
        self.conv = _conv(4 * filters if shuffle else filters)

    def build(self, input_shape):
        if self.shortcut:
            check_maps(input_shape[-1], 4 * self.filters)
        self.conv.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, 2 * height, 2 * width, self.filters

    def call(self, x):
        if self.shuffle:
            h = pixel_shuffle(self.conv(x), 2)
        else:
            h = self.conv(ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2))
        return h + pixel_shuffle(as_many(x, 4 * self.filters), 2) if self.shortcut else h


class ShortcutConv2D(layers.Conv2D):
    """conv(x) + x, (N, H, W, C) -> (N, H, W, filters), the maps of x averaged or repeated to match."""

    def __init__(self, filters, **kwargs):
        super().__init__(filters, 3, padding="same", data_format="channels_last", **kwargs)

    def build(self, input_shape):
        check_maps(input_shape[-1], self.filters)
        super().build(input_shape)

    def call(self, x):
        return super().call(x) + as_many(x, self.filters)


def _conv(filters, use_bias=True):
    return layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, data_format="channels_last")
