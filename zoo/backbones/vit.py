"""Vision transformers, for images and, with patches along one axis, for series."""

import keras
import numpy as np
from keras import layers, ops

from zoo.backbones.resnet import resnet
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair, regularizer
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
    """A vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) and a lighter one to decode (He et al. 2022).

    The positions are sines and cosines, not learned. The first token belongs to no patch: what it gathers can be a feature.

    Args:
        input_shape: (height, width, channels), or (length, channels) of a series; the patch size divides all but the channels.
        patch_size: side of a patch.
        width: numbers a token, a multiple of 4 and of the heads.
        depth: blocks.
        heads: of the attention in every block.
        mlp_ratio: hidden units of a block's MLP, in widths.
        decoder_width, decoder_depth, decoder_heads: the same of the decoder.
        dropout: share of what each branch of a block gives that is dropped in training.
        drop_path: share of the inputs that the last block's branches are left out for in training, rising to it from 0 at the
            first (Huang et al. 2016).
        patch_dropout: share of the patches that are left out in training where a block's features are learned from, as in
            fine-tuning (Liu et al. 2022, arXiv:2208.07220): about as much less time a step.
        weight_decay: L2 penalty on the kernels, added to the loss.
        epsilon: added to the variance in the normalizations.
        trained_grid: patches along every axis of the images that the weights were trained on, if of another size than these:
            the positions are interpolated from there. None makes those of these images.
        stem: feature maps of every stage of a `resnet` that reads the images before they are cut into patches, which makes the
            transformer a hybrid: convolutions know from the start that what is near belongs together, which a transformer has
            to learn. Every stage halves the sides, which the patch size has to allow. () cuts the images themselves.
        stem_blocks: residual blocks of every stage of the stem.

    Raises:
        ZooError: on a patch size that the sides or the stem do not allow, or a width that is no multiple of 4 and of the heads.
    """
    shape = tuple(input_shape)
    if any(side % patch_size for side in shape[:-1]):
        raise ZooError(
            f"got patch_size={patch_size} for inputs of shape {shape}, expected one that divides all but the channels."
        )
    for name, numbers, count in (("width", width, heads), ("decoder_width", decoder_width, decoder_heads)):
        if numbers % count or numbers % 4:
            raise ZooError(f"got {name}={numbers} for {count} heads, expected a multiple of 4 and of the heads.")
    if stem and (len(shape) != 3 or patch_size % 2 ** len(stem)):
        raise ZooError(
            f"got stem={tuple(stem)} for inputs of shape {shape} and patch_size={patch_size}, expected images, and patches of a "
            f"multiple of {2 ** len(stem)} pixels, as every stage halves the sides."
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
    """(N, H, W, C) or (N, T, C) to tokens (N, 1 + patches, width), the first of no patch.

    Args:
        patch_size: side of a patch.
        width: numbers a token.
        blocks: `TransformerBlock`s.
        patch_dropout: see `vit`.
        decay: regularizer of the embedding's kernel, or None.
        epsilon, trained_grid: see `vit`.
        stem: layer from images to maps with fewer sides, of which a patch then reads its part; or None.
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
        """Names of the depths that `until` can stop at, first to last."""
        return [f"block{i + 1}" for i in range(len(self.blocks))]

    def build(self, input_shape):
        grid = grid_of(input_shape[1:], self.patch_size)
        self.positions = positions(grid, self.width, self.trained_grid)
        self.left_out = PatchDropout(self.patch_dropout, len(self.positions)) if self.patch_dropout else None
        self.first = self.add_weight(name="first", shape=(1, 1, self.width), initializer=_small())
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
        tokens = tokens if self.left_out is None else self.left_out(tokens)
        return self.run(tokens, self.stage_names.index(name) + 1)

    def maps(self, tokens):
        """Tokens (N, 1 + patches, D) of images as feature maps, (N, rows, columns, D): without the first, which has no place."""
        if len(self.grid) == 1:
            raise ZooError("got a number as pool of a series' tokens, expected 'flatten', 'mean' or 'token': it has no sides.")
        return ops.reshape(tokens[:, 1:], (-1, *self.grid, tokens.shape[-1]))

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        found = {name: [block] for name, block in zip(self.stage_names, self.blocks)}
        found["block1"][:0] = [self.embed] if self.stem is None else [self.stem, self.embed]
        return found

    def start(self, patches, chosen=None):
        """Tokens (N, 1 + seen, width) of the patches (N, P, numbers) that `chosen` (N, seen, P) picks by ones, or of all."""
        places = ops.cast(ops.convert_to_tensor(self.positions), self.compute_dtype)
        if self.stem is not None:
            patches = self._through_stem(patches, chosen)
        if chosen is not None:
            patches, places = ops.matmul(chosen, patches), ops.matmul(chosen, places)
        tokens = self.embed(patches) + places
        first = ops.cast(ops.convert_to_tensor(self.first), self.compute_dtype)
        return ops.concatenate([ops.repeat(first, ops.shape(tokens)[0], axis=0), tokens], axis=1)

    def _through_stem(self, patches, chosen):
        """What the stem makes of the image of patches (N, P, numbers), by patch."""
        if chosen is not None:
            # Its windows reach into the patches beside: what is not chosen must be nothing before, not only be dropped after.
            patches = patches * ops.expand_dims(ops.sum(chosen, axis=1), 2)
        return patchify(self.stem(unpatchify(patches, self.shape, self.patch_size)), self.part)

    def run(self, tokens, depth=None, training=None):
        """Through the first `depth` blocks, or all."""
        return _through(self.blocks[:depth], tokens, training)

    def finish(self, tokens, training=None):
        """Through all blocks and the normalization at the end."""
        return self.norm(self.run(tokens, training=training))


class ViTDecoder(layers.Layer):
    """Tokens (N, 1 + patches, any width) to outputs (N, *shape).

    Args:
        shape: of an output, the last the outputs a pixel.
        patch_size: side of a patch.
        width: numbers a token inside.
        blocks: `TransformerBlock`s.
        decay: regularizer of the kernels at either end, or None.
        epsilon, trained_grid: see `vit`.
    """

    def __init__(self, shape, patch_size, width, blocks, decay=None, epsilon=1e-6, trained_grid=None, **kwargs):
        super().__init__(**kwargs)
        self.shape, self.patch_size, self.width = tuple(shape), patch_size, width
        self.embed = layers.Dense(width, kernel_regularizer=decay)
        self.blocks = list(blocks)
        self.norm = layers.LayerNormalization(epsilon=epsilon)
        grid = grid_of(shape, patch_size)
        self.positions = np.pad(positions(grid, width, trained_grid), ((1, 0), (0, 0)))
        self.out = layers.Dense(patch_size ** len(grid) * shape[-1], kernel_regularizer=decay)

    def build(self, input_shape):
        self.embed.build(input_shape)
        inside = (None, len(self.positions), self.width)
        for layer in (*self.blocks, self.norm, self.out):
            layer.build(inside)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.shape

    def call(self, z):
        return unpatchify(self.patches(self.embed(z)), self.shape, self.patch_size)

    def patches(self, tokens, training=None):
        """Outputs by patch (N, patches, numbers) of embedded tokens (N, 1 + patches, width)."""
        x = tokens + ops.cast(ops.convert_to_tensor(self.positions), self.compute_dtype)
        return self.out(self.norm(_through(self.blocks, x, training))[:, 1:])


def _through(blocks, tokens, training):
    """What the blocks make of tokens, one after the other."""
    # Said as None it would be taken for an answer, and what a layer above was told would not count.
    told = {} if training is None else {"training": training}
    for block in blocks:
        tokens = block(tokens, **told)
    return tokens


def _small():
    return keras.initializers.RandomNormal(stddev=0.02)
