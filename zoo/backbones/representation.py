"""Vision transformers as encoders of representation autoencoders: MAE's and DINOv2's, whose patches become feature maps."""

import keras
import numpy as np
from keras import layers, ops

from zoo.backbones.standardized import StandardizedDecoder, StandardizedEncoder
from zoo.layers.blocks.tokens import cubic, grid_of, interpolated, patchify, positions
from zoo.layers.blocks.transformer import TransformerBlock


class RepresentationEncoder(layers.Layer):
    """Images (N, H, W, C) to feature maps (N, H / patch_size, W / patch_size, width), normalized, without scale and offset.

    Args:
        patch_size: side of a patch, in pixels.
        width: size of a token.
        depth, heads, mlp_ratio, epsilon: see `zoo.backbones.vit`.
        registers: number of tokens besides the first that stand for no patch (Darcet et al. 2024, arXiv:2309.16588).
        learned: whether position embeddings and the scales of the blocks are learned, as in DINOv2, or there are fixed sines and
            cosines and no scales, as in a masked autoencoder.
        trained_grid: number of patches along each axis of the images that the weights were trained on: the position embeddings
            are interpolated.
    """

    def __init__(self, patch_size, width, depth, heads, mlp_ratio, epsilon, registers, learned, trained_grid, **kwargs):
        super().__init__(**kwargs)
        self.patch_size, self.width, self.registers = patch_size, width, registers
        self.learned, self.trained_grid = learned, tuple(trained_grid)
        self.embed = layers.Dense(width)
        self.blocks = [TransformerBlock(width, heads, mlp_ratio, epsilon=epsilon, scaled=learned) for _ in range(depth)]
        self.norm = layers.LayerNormalization(epsilon=epsilon, center=False, scale=False)

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts, first to last."""
        return [f"block{i + 1}" for i in range(len(self.blocks))]

    def build(self, input_shape):
        self.grid = grid_of(input_shape[1:], self.patch_size)
        self.embed.build((None, None, self.patch_size**2 * input_shape[-1]))
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.first = self.add_weight(name="first", shape=(1, 1, self.width), initializer=small)
        if self.registers:
            self.others = self.add_weight(name="others", shape=(1, self.registers, self.width), initializer=small)
        if self.learned:
            places = 1 + self.trained_grid[0] * self.trained_grid[1]
            self.positions = self.add_weight(name="positions", shape=(places, self.width), initializer=small)
            self.interpolation = interpolated(self.trained_grid, self.grid, antialias=True)
        else:
            fixed = positions(self.grid, self.width, self.trained_grid)
            self.positions, self.interpolation = np.pad(fixed, ((1, 0), (0, 0))), None
        for layer in (*self.blocks, self.norm):
            layer.build((None, 1 + self.registers + self.grid[0] * self.grid[1], self.width))
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.grid, self.width

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        found = {name: [block] for name, block in zip(self.stage_names, self.blocks)}
        found["block1"][:0] = [self.embed]
        return found

    def call(self, x):
        return self._maps(self.norm(self._run(x)))

    def until(self, x, name):
        """The output of the block called `name`, as feature maps."""
        return self._maps(self._run(x, self.stage_names.index(name) + 1))

    def _run(self, x, depth=None):
        """Tokens (N, 1 + registers + patches, width) after the first `depth` blocks, or all."""
        places = ops.cast(ops.convert_to_tensor(self.positions), self.compute_dtype)
        first, places = places[:1], places[1:]
        if self.interpolation is not None:
            places = ops.matmul(ops.cast(self.interpolation, self.compute_dtype), places)
        tokens = self.embed(patchify(x, self.patch_size)) + places
        begin = [ops.cast(ops.convert_to_tensor(self.first), self.compute_dtype) + first]
        begin += [ops.cast(ops.convert_to_tensor(self.others), self.compute_dtype)] if self.registers else []
        tokens = ops.concatenate([*(ops.repeat(part, ops.shape(tokens)[0], axis=0) for part in begin), tokens], axis=1)
        for block in self.blocks[:depth]:
            tokens = block(tokens)
        return tokens

    def _maps(self, tokens):
        return ops.reshape(tokens[:, 1 + self.registers :], (-1, *self.grid, self.width))


class ResizedEncoder(StandardizedEncoder):
    """Images (N, H, W, C), resized by cubic convolution and standardized, to the maps of `net`, which is not trained.

    Args:
        net: a `RepresentationEncoder`.
        mean, deviation: see `StandardizedEncoder`.
        size: side of the images that `net` takes.
    """

    def __init__(self, net, mean, deviation, size, **kwargs):
        super().__init__(net, mean, deviation, net.patch_size, **kwargs)
        self.size = size
        net.trainable = False

    def image(self, x):
        height, width, channels = x.shape[1:]
        if (height, width) != (self.size, self.size):
            rows, columns = (ops.cast(cubic(length, self.size), x.dtype) for length in (height, width))
            x = ops.reshape(ops.matmul(rows, ops.reshape(x, (-1, height, width * channels))), (-1, self.size, width, channels))
            x = ops.matmul(columns, x)
        return super().image(x)

    def compute_output_shape(self, input_shape):
        return self.net.compute_output_shape((input_shape[0], self.size, self.size, input_shape[-1]))

    def call(self, x):
        return self.net(self.image(x))


class RepresentationDecoder(StandardizedDecoder):
    """Maps (N, rows, columns, any width) to images (N, *shape).

    Args:
        net: a `ViTDecoder`.
        mean, deviation: as for the encoder.
    """

    def __init__(self, net, mean, deviation, **kwargs):
        super().__init__(net, mean, deviation, net.patch_size, net.shape, **kwargs)

    def build(self, input_shape):
        self.net.build((None, input_shape[1] * input_shape[2], input_shape[3]))
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.first = self.add_weight(name="first", shape=(1, 1, self.net.width), initializer=small)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.shape

    def call(self, z):
        tokens = self.net.embed(ops.reshape(z, (-1, z.shape[1] * z.shape[2], z.shape[3])))
        first = ops.cast(ops.convert_to_tensor(self.first), tokens.dtype)
        first = ops.repeat(first, ops.shape(tokens)[0], axis=0)
        return self.image(self.net.patches(ops.concatenate([first, tokens], axis=1)))
