"""Hiera, a hierarchical vision transformer that is trained as a masked autoencoder (Ryali et al. 2023, arXiv:2306.00989)."""

import keras
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair
from zoo.layers.blocks.token_decoder import TokenDecoder
from zoo.layers.blocks.tokens import grid_of, interpolated, unpatchify
from zoo.layers.blocks.transformer import TransformerBlock, gelu

# Of the first convolution, in pixels.
_KERNEL, _STRIDE = 7, 4


def hiera(
    input_shape,
    width=96,
    blocks=(2, 3, 16, 3),
    heads=1,
    local_stages=2,
    mlp_ratio=4.0,
    decoder_width=512,
    decoder_depth=8,
    decoder_heads=16,
    epsilon=1e-6,
    trained_grid=None,
    fused=True,
):
    """Stages of transformer blocks, each at half the size and twice the width of the one before; by default, those of "base".

    The unit of masking is a square of pixels that becomes one token of the last stage. Queries are the maxima of squares of
    2 x 2 tokens in the first block of a stage, which halves the size. The tokens of all stages are added, and normalized.

    Args:
        input_shape: (height, width, channels), height and width multiples of 4 * 2 ** (stages - 1).
        width: size of a token of the first stage.
        blocks: number of blocks of each stage.
        heads: number of attention heads in the first stage; doubled in each stage.
        local_stages: number of stages whose tokens attend to those of their own unit only. The first block after them does, too.
        mlp_ratio: hidden units of a block's MLP, as a multiple of the width.
        decoder_width, decoder_depth, decoder_heads: of the decoder, a plain transformer at the size of the last stage.
        epsilon: added to the variance in the normalizations.
        trained_grid: number of tokens of the last stage along each axis of the images that the weights were trained on, if their
            size is different: the position embeddings are interpolated. None means the grid of `input_shape`.
        fused: whether the tokens of all stages are added, and normalized, as in training by masking; if not, the tokens are those
            of the last stage.
    """
    unit = _STRIDE * 2 ** (len(blocks) - 1)
    height, wide, _ = input_shape
    if not blocks or height % unit or wide % unit:
        raise ZooError(f"got images of {height} x {wide} for {len(blocks)} stages, expected multiples of {unit}.")
    for name, numbers, count in (("width", width, heads), ("decoder_width", decoder_width, decoder_heads)):
        if numbers % count:
            raise ZooError(f"got {name}={numbers} for {count} heads, expected a multiple of the heads.")
    common = dict(mlp_ratio=mlp_ratio, epsilon=epsilon)

    def decoder(code_shape, outputs):
        if len(code_shape) != 2:
            raise ZooError(f"the decoder of hiera requires tokens, got a code of shape {tuple(code_shape)}.")
        inside = [TransformerBlock(decoder_width, decoder_heads, **common) for _ in range(decoder_depth)]
        return HieraDecoder((height, wide, outputs), unit, decoder_width, inside, epsilon, trained_grid)

    stages = []
    for i, count in enumerate(blocks):
        local = [i < local_stages or (j == 0 and i == local_stages) for j in range(count)]
        sizes = (width * 2**i, heads * 2**i)
        stages.append([HieraBlock(*sizes, pool=i > 0 and j == 0, local=local[j], **common) for j in range(count)])
    return Pair(HieraEncoder(width, stages, epsilon, trained_grid, fused), decoder)


class HieraEncoder(layers.Layer):
    """Images (N, H, W, C) to tokens (N, 1 + units, width of the last stage): the mean of the tokens, then the token of each unit.

    Args:
        width: size of a token of the first stage.
        stages: lists of `HieraBlock`s.
        epsilon, trained_grid, fused: see `hiera`.
    """

    def __init__(self, width, stages, epsilon=1e-6, trained_grid=None, fused=True, **kwargs):
        super().__init__(**kwargs)
        self.side = 2 ** (len(stages) - 1)
        self.patch_size = _STRIDE * self.side
        self.trained_grid = trained_grid
        self.embed = layers.Conv2D(width, _KERNEL, strides=_STRIDE, data_format="channels_last")
        self.stages = [list(stage) for stage in stages]
        last = width * self.side
        self.fusions = [layers.Dense(last) for _ in stages[1:]] if fused else []
        self.norm = layers.LayerNormalization(epsilon=epsilon) if fused else None
        self.width, self.last = width, last

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts, first to last."""
        return [f"stage{i + 1}" for i in range(len(self.stages))]

    def build(self, input_shape):
        self.shape, self.grid = tuple(input_shape[1:]), grid_of(input_shape[1:], self.patch_size)
        self.embed.build((None, None, None, input_shape[-1]))
        trained = tuple(self.trained_grid or self.grid)
        places = (trained[0] * self.side, trained[1] * self.side)
        self.positions = self.add_weight(name="positions", shape=(places[0] * places[1], self.width), initializer=_small())
        self.interpolation = interpolated(places, (self.grid[0] * self.side, self.grid[1] * self.side))
        shape = (None, self.grid[0] * self.grid[1], self.side, self.side, self.width)
        for i, stage in enumerate(self.stages):
            for block in stage:
                block.build(shape)
                shape = block.compute_output_shape(shape)
            if i < len(self.fusions):
                self.fusions[i].build((None, None, shape[2] * shape[3] * shape[4]))
        if self.norm is not None:
            self.norm.build((None, None, self.last))
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], 1 + self.grid[0] * self.grid[1], self.last

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        found = dict(zip(self.stage_names, self.stages))
        return {**found, "stage1": [self.embed, *found["stage1"]]}

    def call(self, x):
        return self.finish(self._units(x))

    def until(self, x, name):
        """The output of the stage called `name`, (N, rows, columns, width)."""
        units = self._units(x)
        for stage in self.stages[: self.stage_names.index(name) + 1]:
            for block in stage:
                units = block(units)
        side, width = units.shape[3:]
        maps = ops.transpose(ops.reshape(units, (-1, *self.grid, side, side, width)), (0, 1, 3, 2, 4, 5))
        return ops.reshape(maps, (-1, self.grid[0] * side, self.grid[1] * side, width))

    def maps(self, tokens):
        """Tokens (N, 1 + units, D) as feature maps (N, rows, columns, D), without the first token."""
        return ops.reshape(tokens[:, 1:], (-1, *self.grid, tokens.shape[-1]))

    def start(self, patches, chosen):
        """Tokens (N, seen, side, side, width) of the units (N, P, numbers) chosen by `chosen` (N, seen, P)."""
        # The first convolution overlaps with adjacent units; masked ones must be zero before it.
        image = unpatchify(patches * ops.sum(chosen, axis=1)[..., None], self.shape, self.patch_size)
        units = self._units(image)
        rows = ops.matmul(chosen, ops.reshape(units, (-1, units.shape[1], self.side**2 * self.width)))
        return ops.reshape(rows, (-1, chosen.shape[1], *units.shape[2:]))

    def finish(self, units, training=None):
        """Tokens (N, 1 + seen, width of the last stage) of units after all blocks."""
        fused = 0.0
        for i, stage in enumerate(self.stages):
            for block in stage:
                units = block(units)
            rows = ops.reshape(units, (-1, units.shape[1], units.shape[2] * units.shape[3] * units.shape[4]))
            if self.norm is not None:
                fused = fused + (self.fusions[i](rows) if i < len(self.fusions) else rows)
        tokens = rows if self.norm is None else self.norm(fused)
        return ops.concatenate([ops.mean(tokens, axis=1, keepdims=True), tokens], axis=1)

    def _units(self, x):
        """The first tokens, arranged by units, (N, units, side, side, width)."""
        margin = _KERNEL // 2
        x = self.embed(ops.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0))))
        places = ops.cast(ops.convert_to_tensor(self.positions), x.dtype)
        if self.interpolation is not None:
            places = ops.matmul(ops.cast(self.interpolation, x.dtype), places)
        x = x + ops.reshape(places, (1, *x.shape[1:]))
        x = ops.reshape(x, (-1, self.grid[0], self.side, self.grid[1], self.side, self.width))
        return ops.reshape(
            ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, self.grid[0] * self.grid[1], self.side, self.side, self.width)
        )


class HieraBlock(layers.Layer):
    """x + attention(norm(x)), then x + mlp(norm(x)), (N, units, s, s, C) to (N, units, s', s', width).

    Args:
        width: size of a token.
        heads: number of attention heads.
        pool: whether s is halved, and the width changed: queries and x are maxima of 2 x 2 tokens.
        local: whether tokens attend to those of their own unit only.
        mlp_ratio: hidden units of the MLP, as a multiple of the width.
        epsilon: added to the variance in the normalizations.
    """

    def __init__(self, width, heads, pool, local, mlp_ratio=4.0, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads, self.pool, self.local = width, heads, pool, local
        self.norm1, self.norm2 = (layers.LayerNormalization(epsilon=epsilon) for _ in range(2))
        self.qkv, self.attended = layers.Dense(3 * width), layers.Dense(width)
        self.project = layers.Dense(width) if pool else None
        self.hidden, self.out = layers.Dense(int(width * mlp_ratio), activation=gelu), layers.Dense(width)

    def build(self, input_shape):
        after = (None, None, None, None, self.width)
        self.norm1.build(input_shape)
        self.qkv.build(input_shape)
        if self.project is not None:
            self.project.build(input_shape)
        for layer in (self.attended, self.norm2, self.hidden):
            layer.build(after)
        self.out.build((*after[:-1], self.hidden.units))
        self.built = True

    def compute_output_shape(self, input_shape):
        count, units, side, _, _ = input_shape
        side = side // 2 if self.pool else side
        return count, units, side, side, self.width

    def call(self, x):
        h = self.norm1(x)
        before = x if self.project is None else _maxima(self.project(h))
        x = before + self.attended(self._attention(h))
        return x + self.out(self.hidden(self.norm2(x)))

    def _attention(self, h):
        units, side = h.shape[1:3]
        query, key, value = ops.split(self.qkv(h), 3, axis=-1)
        query = _maxima(query) if self.pool else query
        after = query.shape[1:4]

        def by_heads(tokens):
            count = tokens.shape[2] ** 2 * (1 if self.local else units)
            return ops.transpose(ops.reshape(tokens, (-1, count, self.heads, self.width // self.heads)), (0, 2, 1, 3))

        query, key, value = by_heads(query), by_heads(key), by_heads(value)
        scores = ops.matmul(query * (self.width // self.heads) ** -0.5, ops.transpose(key, (0, 1, 3, 2)))
        mixed = ops.matmul(ops.softmax(scores, axis=-1), value)
        return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, *after, self.width))


def _maxima(tokens):
    """The maxima of 2 x 2 tokens: (N, units, 2 s, 2 s, C) to (N, units, s, s, C)."""
    _, units, side, _, width = tokens.shape
    return ops.max(ops.reshape(tokens, (-1, units, side // 2, 2, side // 2, 2, width)), axis=(3, 5))


class HieraDecoder(TokenDecoder):
    """Tokens (N, 1 + units, any width) to outputs (N, *shape).

    Args:
        shape: shape of an output; the last axis is the outputs per pixel.
        patch_size: side of a unit, in pixels.
        width: size of a token inside.
        blocks: `TransformerBlock`s.
        epsilon, trained_grid: see `hiera`.
    """

    def __init__(self, shape, patch_size, width, blocks, epsilon=1e-6, trained_grid=None, **kwargs):
        super().__init__(shape, patch_size, width, **kwargs)
        self.trained_grid = trained_grid
        self.embed = layers.Dense(width)
        self.blocks = list(blocks)
        self.norm = layers.LayerNormalization(epsilon=epsilon)
        self.out = layers.Dense(patch_size**2 * shape[-1])

    def build(self, input_shape):
        self.embed.build(input_shape)
        grid = grid_of(self.shape, self.patch_size)
        trained = tuple(self.trained_grid or grid)
        self.positions = self.add_weight(name="positions", shape=(trained[0] * trained[1], self.width), initializer=_small())
        self.interpolation = interpolated(trained, grid)
        for layer in (*self.blocks, self.norm, self.out):
            layer.build((None, grid[0] * grid[1], self.width))
        self.built = True

    def patches(self, tokens, training=None):
        """Outputs per unit (N, units, numbers), from embedded tokens (N, 1 + units, width)."""
        places = ops.cast(ops.convert_to_tensor(self.positions), tokens.dtype)
        if self.interpolation is not None:
            places = ops.matmul(ops.cast(self.interpolation, tokens.dtype), places)
        x = tokens[:, 1:] + places
        for block in self.blocks:
            x = block(x)
        # The original predicts one channel after the other.
        found = ops.reshape(self.out(self.norm(x)), (-1, x.shape[1], self.shape[-1], self.patch_size**2))
        return ops.reshape(ops.transpose(found, (0, 1, 3, 2)), (-1, x.shape[1], self.patch_size**2 * self.shape[-1]))


def _small():
    return keras.initializers.RandomNormal(stddev=0.02)
