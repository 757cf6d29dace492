"""The deep compression autoencoder: a shortcut beside every change of size, and attention at low resolutions."""

from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.efficient_vit import EfficientViTBlock
from zoo.layers.blocks.pixel_shuffle import pixel_shuffle, pixel_unshuffle
from zoo.layers.blocks.rms_norm import RMSNorm
from zoo.layers.blocks.strided import StridedConv2D


def dcae(
    input_shape,
    filters=(128, 256, 512, 512, 1024, 1024),
    blocks=(2, 2, 2, 3, 3, 3),
    kinds=("residual", "residual", "residual", "attention", "attention", "attention"),
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

    What has a value a stage is a tuple from the highest resolution to the lowest, for the decoder, too, or one value for all.
    The defaults are the encoder of Sana's (Xie et al. 2024, arXiv:2410.10629) and its mirror image.

    Args:
        input_shape: (height, width, channels), multiples of 2 ** (stages - 1) but for the channels.
        filters: feature maps of every stage.
        blocks: blocks a stage; a first stage without any is skipped, and the image halved at once.
        kinds: of the blocks of every stage: "residual" or "attention".
        scales: of every stage with attention, the odd widths of the windows that it sees besides single pixels.
        decoder_filters, decoder_blocks, decoder_kinds, decoder_scales: of the decoder, None for those of the encoder.
        decoder_norms: of every stage: "rms_norm" or "batch_norm"; the encoder's are the former.
        decoder_activations: inside the residual blocks of every stage: "silu" or "relu"; the encoder's are the former.
        last_activation: before the decoder's last convolution.
        head_dim: numbers a head of the attention.
        downsample: "conv", of stride 2, or "pixel_unshuffle", a convolution whose pixels become maps.
        upsample: "interpolate", pixels doubled and convolved, or "pixel_shuffle", a convolution whose maps become pixels.
        out_shortcut: whether the last maps of the encoder, averaged, are added to what it gives.
        in_shortcut: whether what the decoder reads, repeated, is added to its first maps.
        latent_channels: feature maps that the encoder ends in.
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
        raise ZooError(f"got head_dim={head_dim} for attention among {least} filters, expected at most as many.")
    _check_choice("downsample", downsample, ("conv", "pixel_unshuffle"))
    _check_choice("upsample", upsample, ("interpolate", "pixel_shuffle"))

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(f"the decoder of DC-AE reads feature maps, got a code of shape {tuple(code_shape)}.")
        return DCDecoder(decoder_parts, head_dim, upsample == "pixel_shuffle", in_shortcut, last_activation, outputs)

    return Pair(DCEncoder(encoder, head_dim, downsample == "pixel_unshuffle", out_shortcut, latent_channels), decoder)


def _check_size(input_shape, stages):
    height, width, _ = input_shape
    factor = 2 ** (stages - 1)
    if stages < 2:
        raise ZooError(f"got filters of {stages} stages, expected at least two.")
    if height % factor or width % factor:
        raise ZooError(
            f"got images of {height} x {width} for {stages} stages, expected a height and a width that {factor} divides."
        )


def _check_choice(name, value, known):
    if value not in known:
        raise ZooError(f"got {name}={value!r}, expected {' or '.join(map(repr, known))}.")


def _stages(count, prefix, filters, blocks, kinds, scales, norms="rms_norm", activations="silu"):
    """One mapping a stage, highest resolution first."""
    found = {"filters": filters, "blocks": blocks, "kinds": kinds, "scales": scales, "norms": norms, "activations": activations}
    for name, values in found.items():
        if isinstance(values, str):
            found[name] = (values,) * count
        elif len(values) != count:
            raise ZooError(f"got {prefix}{name} of {len(values)} stages, where there are filters of {count}.")
    for name, known in (
        ("kinds", ("residual", "attention")),
        ("norms", ("rms_norm", "batch_norm")),
        ("activations", ("silu", "relu")),
    ):
        for value in found[name]:
            _check_choice(f"{prefix}{name}", value, known)
    if not all(found["blocks"][1:]):
        raise ZooError(f"got {prefix}blocks={tuple(blocks)}; only the first stage may be without any.")
    return [dict(zip(found, values)) for values in zip(*found.values())]


def _block(head_dim, filters, kinds, scales, norms, activations, **_):
    norm = RMSNorm() if norms == "rms_norm" else layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    if kinds == "attention":
        return EfficientViTBlock(head_dim, scales, norm)
    return ResidualBlock(filters, activations, norm)


class DCEncoder(Backbone):
    """Images (N, H, W, C), 0..1, to feature maps (N, H / f, W / f, outputs).

    Args:
        stages: one mapping a stage.
        head_dim: numbers a head of the attention.
        unshuffle: whether pixels become maps where the size changes.
        shortcut: whether the last maps, averaged, are added at the end.
        outputs: feature maps at the end.
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
        # The images that these nets are trained on lie in -1..1.
        super().__init__([layers.Rescaling(2.0, -1.0), conv_in, *blocks, conv_out], [None, None, *names, None])
        self.conv_in, self.blocks, self.conv_out = conv_in, blocks, conv_out


class DCDecoder(Backbone):
    """Feature maps (N, h, w, any number) to outputs (N, h f, w f, outputs), images in 0..1 among them.

    Args:
        stages: one mapping a stage, highest resolution first; they are run from the last.
        head_dim: numbers a head of the attention.
        shuffle: whether maps become pixels where the size changes.
        shortcut: whether the code, repeated, is added to the first maps.
        activation: before the last convolution.
        outputs: feature maps at the end.
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
        filters: feature maps.
        activation: its name.
        norm: a layer.
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
    """Half the height and width, to `filters` maps.

    Args:
        filters: feature maps.
        unshuffle: a convolution to a quarter of the maps, whose pixels become maps, instead of one of stride 2.
        shortcut: whether the pixels of x as maps, averaged to as many, are added.
    """

    def __init__(self, filters, unshuffle, shortcut=True, **kwargs):
        super().__init__(**kwargs)
        if unshuffle and filters % 4:
            raise ZooError(f"got {filters} filters behind a pixel_unshuffle, expected a multiple of 4.")
        self.filters, self.unshuffle, self.shortcut = filters, unshuffle, shortcut
        self.conv = _conv(filters // 4) if unshuffle else StridedConv2D(filters)

    def build(self, input_shape):
        if self.shortcut:
            _check_maps(4 * input_shape[-1], self.filters)
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
    """Twice the height and width, to `filters` maps.

    Args:
        filters: feature maps.
        shuffle: a convolution to four times the maps, which become pixels, instead of doubled pixels and a convolution.
        shortcut: whether the maps of x, repeated to four times as many and made pixels, are added.
    """

    def __init__(self, filters, shuffle, shortcut=True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.shuffle, self.shortcut = filters, shuffle, shortcut
        self.conv = _conv(4 * filters if shuffle else filters)

    def build(self, input_shape):
        if self.shortcut:
            _check_maps(input_shape[-1], 4 * self.filters)
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
    """conv(x) + x, (N, H, W, C) -> (N, H, W, filters), the maps of x averaged or repeated to as many."""

    def __init__(self, filters, **kwargs):
        super().__init__(filters, 3, padding="same", data_format="channels_last", **kwargs)

    def build(self, input_shape):
        _check_maps(input_shape[-1], self.filters)
        super().build(input_shape)

    def call(self, x):
        return super().call(x) + as_many(x, self.filters)


def as_many(x, maps):
    """Maps (N, H, W, C) to (N, H, W, maps): neighbours averaged, or each repeated."""
    *_, height, width, count = x.shape
    if maps >= count:
        return ops.repeat(x, maps // count, axis=-1) if maps > count else x
    return ops.mean(ops.reshape(x, (-1, height, width, maps, count // maps)), axis=-1)


def _check_maps(count, maps):
    if max(count, maps) % min(count, maps):
        raise ZooError(f"got a shortcut from {count} maps to {maps}, expected one of the numbers to divide the other.")


def _conv(filters, use_bias=True):
    return layers.Conv2D(filters, 3, padding="same", use_bias=use_bias, data_format="channels_last")
