"""Vision transformers, for images and, with patches along one axis, for series."""

import keras
import numpy as np
from keras import layers, ops

from zoo.backbones.resnet import resnet
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair, regularizer
from zoo.layers.blocks.token_decoder import TokenDecoder
from zoo.layers.blocks.tokens import grid_of, patchify, positions, unpatchify
from zoo.layers.blocks.transformer import TransformerBlock
from zoo.layers.corruptions.masking import PatchDropout


def vit(
    input_shape,
    patch_size=4,
    width=192,
    depth=12,
    heads=3,
    mlp_ratio=4.0,
    decoder_width=128,
    decoder_depth=2,
    decoder_heads=4,
    dropout=0.0,
    drop_path=0.0,
    patch_dropout=0.0,
    weight_decay=0.0,
    epsilon=1e-6,
    trained_grid=None,
    stem=(),
    stem_blocks=2,
):
    """A vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) and a smaller one as decoder (He et al. 2022).

    The position embeddings are fixed sines and cosines. The first token is not a patch; it can serve as a feature.

    Args:
        input_shape: (height, width, channels), or (length, channels) of a series; multiples of the patch size,
            except the channels.
        patch_size: side of a patch, in pixels or time steps.
        width: size of a token, a multiple of 4 and of the number of heads.
        depth: number of blocks.
        heads: number of attention heads of each block.
        mlp_ratio: hidden units of a block's MLP, as a multiple of the width.
        decoder_width, decoder_depth, decoder_heads: the same for the decoder.
        dropout: dropout rate of the output of each branch of a block, in training.
        drop_path: fraction of the inputs for which the last block's branches are skipped in training; it rises linearly from 0 at
            the first block (Huang et al. 2016).
        patch_dropout: fraction of the patches dropped in training when the features of a block are trained, as in fine-tuning
            (Liu et al. 2022, arXiv:2208.07220); reduces the time of a step by about this fraction.
        weight_decay: L2 penalty on the kernels, added to the loss.
        epsilon: added to the variance in the normalizations.
        trained_grid: number of patches along each axis of the images that the weights were trained on, if their size is
            different: the position embeddings are interpolated from this grid. None means the grid of `input_shape`.
        stem: number of feature maps of each stage of a `resnet` applied to the images before they are divided into patches (a
            hybrid transformer). Convolutions are local by construction, which a transformer has to learn. Each stage halves
            height and width, so that the patch size must be divisible by 2 ** stages. () for no stem.
        stem_blocks: residual blocks of each stage of the stem.

    Raises:
        ZooError: if the patch size does not fit the input or the stem, or a width is not a multiple of 4 and of the heads.
    """
    shape = tuple(input_shape)
    if any(side % patch_size for side in shape[:-1]):
        raise ZooError(
            f"got patch_size={patch_size} for inputs of shape {shape}, expected a patch size that divides all but the channels."
        )
    for name, numbers, count in (("width", width, heads), ("decoder_width", decoder_width, decoder_heads)):
        if numbers % count or numbers % 4:
            raise ZooError(f"got {name}={numbers} for {count} heads, expected a multiple of 4 and of the heads.")
    if stem and (len(shape) != 3 or patch_size % 2 ** len(stem)):
        raise ZooError(
            f"got stem={tuple(stem)} for inputs of shape {shape} and patch_size={patch_size}, expected images, and a patch size "
            f"that is a multiple of {2 ** len(stem)}, because each stage halves height and width."
        )
    decay = regularizer(weight_decay)
    common = dict(mlp_ratio=mlp_ratio, dropout=dropout, decay=decay, epsilon=epsilon)
    ends = dict(decay=decay, epsilon=epsilon, trained_grid=trained_grid)
    grid = grid_of(shape, patch_size)

    def blocks(count, width, heads, rate):
        rates = np.linspace(0, rate, count) if count > 1 else [rate] * count
        return [TransformerBlock(width, heads, drop_path=float(r), **common) for r in rates]

    convolutions = None
    if stem:
        convolutions = resnet(shape, stem, stem_blocks, activation="relu", weight_decay=weight_decay).encoder
    encoder = ViTEncoder(patch_size, width, blocks(depth, width, heads, drop_path), patch_dropout, stem=convolutions, **ends)

    def decoder(code_shape, outputs):
        net = ViTDecoder(
            (*shape[:-1], outputs),
            patch_size,
            decoder_width,
            blocks(decoder_depth, decoder_width, decoder_heads, 0.0),
            **ends,
        )
        if len(code_shape) == 2:
            return net
        tokens = int(np.prod(grid)) + 1
        dense = layers.Dense(tokens * decoder_width, kernel_regularizer=decay)
        return Backbone([dense, layers.Reshape((tokens, decoder_width)), net])

    return Pair(encoder, decoder)


class ViTEncoder(layers.Layer):
    """(N, H, W, C) or (N, T, C) to tokens (N, 1 + patches, width); the first token is not a patch.

    Args:
        patch_size: side of a patch.
        width: size of a token.
        blocks: `TransformerBlock`s.
        patch_dropout: see `vit`.
        decay: regularizer of the embedding's kernel, or None.
        epsilon, trained_grid: see `vit`.
        stem: layer from images to smaller maps, which are divided into patches instead of the images; or None.
    """

    def __init__(
        self, patch_size, width, blocks, patch_dropout=0.0, decay=None, epsilon=1e-6, trained_grid=None, stem=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.stem = stem
        self.patch_dropout = patch_dropout
        self.patch_size, self.width, self.trained_grid = patch_size, width, trained_grid
        self.embed = layers.Dense(width, kernel_regularizer=decay)
        self.blocks = list(blocks)
        self.norm = layers.LayerNormalization(epsilon=epsilon)

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts, first to last."""
        return [f"block{i + 1}" for i in range(len(self.blocks))]

    def build(self, input_shape):
        grid = grid_of(input_shape[1:], self.patch_size)
        self.positions = positions(grid, self.width, self.trained_grid)
        self.drop_patches = PatchDropout(self.patch_dropout, len(self.positions)) if self.patch_dropout else None
        self.first = self.add_weight(name="first", shape=(1, 1, self.width), initializer=_small_normal())
        self.shape, self.grid = tuple(input_shape[1:]), grid
        self.part, channels = self.patch_size, input_shape[-1]
        if self.stem is not None:
            self.stem.build(input_shape)
            _, height, _, channels = self.stem.compute_output_shape(input_shape)
            self.part = height // grid[0]
        self.embed.build((None, len(self.positions), self.part ** len(grid) * channels))
        shape = (None, None, self.width)
        for layer in (*self.blocks, self.norm):
            layer.build(shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], 1 + len(self.positions), self.width

    def call(self, x):
        return self.finish(self.start(patchify(x, self.patch_size)))

    def until(self, x, name):
        """The output of the block called `name`."""
        tokens = self.start(patchify(x, self.patch_size))
        tokens = tokens if self.drop_patches is None else self.drop_patches(tokens)
        return self.run(tokens, self.stage_names.index(name) + 1)

    def maps(self, tokens):
        """Tokens (N, 1 + patches, D) of images as feature maps, (N, rows, columns, D): without the first token."""
        if len(self.grid) == 1:
            raise ZooError(
                "got a number as pool for tokens of a series, expected 'flatten', 'mean' or 'token'; regions require images."
            )
        return ops.reshape(tokens[:, 1:], (-1, *self.grid, tokens.shape[-1]))

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        found = {name: [block] for name, block in zip(self.stage_names, self.blocks)}
        found["block1"][:0] = [self.embed] if self.stem is None else [self.stem, self.embed]
        return found

    def start(self, patches, chosen=None):
        """Tokens (N, 1 + seen, width) of the patches (N, P, numbers) chosen by `chosen` (N, seen, P), or of all patches."""
        places = ops.cast(ops.convert_to_tensor(self.positions), self.compute_dtype)
        if self.stem is not None:
            patches = self._through_stem(patches, chosen)
        if chosen is not None:
            patches, places = ops.matmul(chosen, patches), ops.matmul(chosen, places)
        tokens = self.embed(patches) + places
        first = ops.cast(ops.convert_to_tensor(self.first), self.compute_dtype)
        return ops.concatenate([ops.repeat(first, ops.shape(tokens)[0], axis=0), tokens], axis=1)

    def _through_stem(self, patches, chosen):
        """The stem's maps, divided into patches, for the image of patches (N, P, numbers)."""
        if chosen is not None:
            # The stem's windows overlap with adjacent patches; masked patches must be zero before it, not only dropped after it.
            patches = patches * ops.expand_dims(ops.sum(chosen, axis=1), 2)
        return patchify(self.stem(unpatchify(patches, self.shape, self.patch_size)), self.part)

    def run(self, tokens, depth=None, training=None):
        """Apply the first `depth` blocks, or all."""
        return _through(self.blocks[:depth], tokens, training)

    def finish(self, tokens, training=None):
        """Apply all blocks and the final normalization."""
        return self.norm(self.run(tokens, training=training))


class ViTDecoder(TokenDecoder):
    """Tokens (N, 1 + patches, any width) to outputs (N, *shape).

    Args:
        shape: shape of an output; the last axis is the outputs per pixel.
        patch_size: side of a patch.
        width: size of a token inside.
        blocks: `TransformerBlock`s.
        decay: regularizer of the kernels of the first and the last layer, or None.
        epsilon, trained_grid: see `vit`.
        step: distance between the positions of adjacent patches.
    """

    def __init__(self, shape, patch_size, width, blocks, decay=None, epsilon=1e-6, trained_grid=None, step=1.0, **kwargs):
        super().__init__(shape, patch_size, width, **kwargs)
        self.embed = layers.Dense(width, kernel_regularizer=decay)
        self.blocks = list(blocks)
        self.norm = layers.LayerNormalization(epsilon=epsilon)
        grid = grid_of(shape, patch_size)
        self.positions = np.pad(positions(grid, width, trained_grid, step), ((1, 0), (0, 0)))
        self.out = layers.Dense(patch_size ** len(grid) * shape[-1], kernel_regularizer=decay)

    def build(self, input_shape):
        self.embed.build(input_shape)
        inside = (None, len(self.positions), self.width)
        for layer in (*self.blocks, self.norm, self.out):
            layer.build(inside)
        self.built = True

    def patches(self, tokens, training=None):
        """Outputs per patch (N, patches, numbers), from embedded tokens (N, 1 + patches, width)."""
        x = tokens + ops.cast(ops.convert_to_tensor(self.positions), self.compute_dtype)
        return self.out(self.norm(_through(self.blocks, x, training))[:, 1:])


def _through(blocks, tokens, training):
    """Tokens after the blocks, applied one after the other."""
    # An explicit None would override the training flag of an enclosing layer.
    arguments = {} if training is None else {"training": training}
    for block in blocks:
        tokens = block(tokens, **arguments)
    return tokens


def _small_normal():
    return keras.initializers.RandomNormal(stddev=0.02)
