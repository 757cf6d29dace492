"""ConvNeXt V2, a convolutional network that is trained as a masked autoencoder (Woo et al. 2023, arXiv:2301.00808)."""

from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair
from zoo.layers.blocks.token_decoder import TokenDecoder
from zoo.layers.blocks.tokens import at_size, grid_of, patchify, unpatchify
from zoo.layers.blocks.transformer import as_rows, gelu

_EPSILON = 1e-6
_KERNEL = 7
# Side of the pixels' squares that the first convolution reads.
_STEM = 4
_EXPANSION = 4


def convnext(input_shape, filters=(96, 192, 384, 768), blocks=(3, 3, 9, 3), decoder_width=512, decoder_depth=1):
    """Stages of depthwise convolutions of 7 x 7, each at half the size of the one before; the defaults are those of "tiny".

    Masks are applied to patches that become one place of the last stage. The maps of the network are zero at masked places after
    each layer, as in sparse convolutions.

    Args:
        input_shape: (height, width, channels), height and width multiples of 4 * 2 ** (stages - 1).
        filters: number of feature maps of each stage.
        blocks: number of blocks of each stage.
        decoder_width, decoder_depth: number of feature maps and blocks of the decoder, which works at the size of the last stage.
    """
    if not filters or len(filters) != len(blocks):
        raise ZooError(
            f"got filters={tuple(filters)} and blocks={tuple(blocks)}, expected as many numbers in both, at least one."
        )
    patch = _STEM * 2 ** (len(filters) - 1)
    height, width, _ = input_shape
    if height % patch or width % patch:
        raise ZooError(f"got images of {height} x {width} for {len(filters)} stages, expected multiples of {patch}.")

    def decoder(code_shape, outputs):
        if len(code_shape) != 2:
            raise ZooError(f"the decoder of convnext requires tokens, got a code of shape {tuple(code_shape)}.")
        return ConvNeXtDecoder((height, width, outputs), patch, decoder_width, decoder_depth)

    return Pair(ConvNeXtEncoder(tuple(filters), tuple(blocks)), decoder)


class ConvNeXtEncoder(layers.Layer):
    """Images (N, H, W, C) to tokens (N, 1 + patches, filters[-1]): the mean of the last maps, then each of their places.

    Args: see `convnext`.
    """

    def __init__(self, filters, blocks, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.patch_size = _STEM * 2 ** (len(filters) - 1)
        self.stem, self.stem_norm = _patches(filters[0], _STEM), layers.LayerNormalization(epsilon=_EPSILON)
        self.norms = [layers.LayerNormalization(epsilon=_EPSILON) for _ in filters[1:]]
        self.downsamples = [_patches(count, 2) for count in filters[1:]]
        self.blocks = [[ConvNeXtBlock(width) for _ in range(count)] for width, count in zip(filters, blocks)]

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts, first to last."""
        return [f"stage{i + 1}" for i in range(len(self.filters))]

    def build(self, input_shape):
        self.shape, self.grid = tuple(input_shape[1:]), grid_of(input_shape[1:], self.patch_size)
        shape = input_shape
        for name in self.stage_names:
            for layer in self.depths()[name]:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], 1 + self.grid[0] * self.grid[1], self.filters[-1]

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        before = [[self.stem, self.stem_norm], *([norm, smaller] for norm, smaller in zip(self.norms, self.downsamples))]
        return {name: [*first, *blocks] for name, first, blocks in zip(self.stage_names, before, self.blocks)}

    def call(self, x):
        return self._tokens(self._run(x), None)

    def until(self, x, name):
        """The output of the stage called `name`."""
        return self._run(x, None, self.stage_names.index(name) + 1)

    def maps(self, tokens):
        """Tokens (N, 1 + patches, D) as feature maps (N, rows, columns, D), without the first token."""
        return ops.reshape(tokens[:, 1:], (-1, *self.grid, tokens.shape[-1]))

    def start(self, patches, chosen):
        """What `finish` takes: images whose patches (N, P, numbers) are zero unless chosen by `chosen` (N, seen, P)."""
        visible = ops.sum(chosen, axis=1)[..., None]
        image = unpatchify(patches * visible, self.shape, self.patch_size)
        return image, ops.reshape(visible, (-1, *self.grid, 1)), chosen

    def finish(self, started, training=None):
        """Tokens (N, 1 + seen, width) of the chosen patches."""
        image, visible, chosen = started
        return self._tokens(self._run(image, visible), chosen)

    def _run(self, x, visible=None, stages=None):
        """The maps of the last of some stages; places where `visible` (N, rows, columns, 1) is 0 are 0."""
        for name in self.stage_names[:stages]:
            for layer in self.depths()[name]:
                shown = None if visible is None else at_size(visible, x)
                x = layer(x, shown) if isinstance(layer, ConvNeXtBlock) else layer(x)
                x = x if visible is None else x * at_size(visible, x)
        return x

    def _tokens(self, maps, chosen):
        tokens = ops.reshape(maps, (-1, self.grid[0] * self.grid[1], self.filters[-1]))
        tokens = tokens if chosen is None else ops.matmul(chosen, tokens)
        return ops.concatenate([ops.mean(tokens, axis=1, keepdims=True), tokens], axis=1)


class ConvNeXtDecoder(TokenDecoder):
    """Tokens (N, 1 + patches, any width) to outputs (N, *shape).

    Args:
        shape: shape of an output; the last axis is the outputs per pixel.
        patch_size: side of a patch.
        width: number of feature maps.
        depth: number of blocks.
    """

    def __init__(self, shape, patch_size, width, depth, **kwargs):
        super().__init__(shape, patch_size, width, **kwargs)
        self.embed = layers.Dense(width)
        self.blocks = [ConvNeXtBlock(width) for _ in range(depth)]
        self.out = layers.Dense(patch_size**2 * shape[-1])

    def build(self, input_shape):
        self.embed.build(input_shape)
        for block in self.blocks:
            block.build((None, *grid_of(self.shape, self.patch_size), self.width))
        self.out.build((None, None, self.width))
        self.built = True

    def patches(self, tokens, training=None):
        """Outputs per patch (N, patches, numbers), from embedded tokens (N, 1 + patches, width)."""
        x = ops.reshape(tokens[:, 1:], (-1, *grid_of(self.shape, self.patch_size), self.width))
        for block in self.blocks:
            x = block(x)
        return patchify(self.out(x), 1)


class ConvNeXtBlock(layers.Layer):
    """x + dense(grn(gelu(dense(norm(conv(x)))))), (N, H, W, filters) -> the same shape.

    Global response normalization divides the norm of each map by the mean norm of all. Where `visible` (N, H, W, 1) is 0, x must
    be 0, and the place does not count in the norms.

    Args:
        filters: number of feature maps.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.DepthwiseConv2D(_KERNEL, padding="same", data_format="channels_last")
        self.norm = layers.LayerNormalization(epsilon=_EPSILON)
        self.hidden, self.out = layers.Dense(_EXPANSION * filters, activation=gelu), layers.Dense(filters)

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.norm.build(input_shape)
        self.hidden.build(input_shape)
        wide = (*input_shape[:-1], self.hidden.units)
        self.gamma = self.add_weight(name="gamma", shape=(self.hidden.units,), initializer="zeros")
        self.beta = self.add_weight(name="beta", shape=(self.hidden.units,), initializer="zeros")
        self.out.build(wide)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x, visible=None):
        shape = (-1, *x.shape[1:3])
        h = ops.reshape(self.hidden(as_rows(self.norm(self.conv(x)))), (*shape, self.hidden.units))
        h = self._normalized(h if visible is None else h * visible)
        return x + ops.reshape(self.out(as_rows(h)), (*shape, x.shape[-1]))

    def _normalized(self, h):
        norm = ops.sqrt(ops.sum(ops.square(ops.cast(h, "float32")), axis=(1, 2), keepdims=True))
        factor = ops.cast(norm / (ops.mean(norm, axis=-1, keepdims=True) + _EPSILON), h.dtype)
        gamma, beta = (ops.cast(ops.convert_to_tensor(numbers), h.dtype) for numbers in (self.gamma, self.beta))
        return h * (gamma * factor + 1) + beta


def _patches(filters, side):
    """A convolution of squares of `side` places, each read once."""
    return layers.Conv2D(filters, side, strides=side, data_format="channels_last")
