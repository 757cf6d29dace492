"""Swin, a hierarchical vision transformer with attention in shifted windows (Liu et al. 2021, arXiv:2103.14030)."""

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.pixel_shuffle import pixel_shuffle
from zoo.layers.blocks.tokens import grid_of
from zoo.layers.blocks.transformer import Attention, TransformerBlock

# Added to the scores of places that are not adjacent in the image.
_APART = -100.0


def swin(
    input_shape,
    patch_size=4,
    width=96,
    blocks=(2, 2, 6, 2),
    heads=3,
    window=7,
    mlp_ratio=4.0,
    epsilon=1e-5,
    trained_grid=None,
):
    """Stages of transformer blocks, each at half the size and twice the width of the one before; by default, those of "tiny".

    The places of a window attend to each other, with a bias for each relative position. The windows of every other block are
    shifted by half a window. There are no other position embeddings, so that the same weights fit images of any size. The
    decoder is one linear layer from a place of the last stage to its pixels (Xie et al. 2022, arXiv:2111.09886).

    Args:
        input_shape: (height, width, channels), height and width multiples of patch_size * 2 ** (stages - 1).
        patch_size: side of the pixels' squares that become the places of the first stage.
        width: number of feature maps of the first stage.
        blocks: number of blocks of each stage.
        heads: number of attention heads in the first stage; doubled in each stage.
        window: side of a window, in places; where the maps are smaller, they are one window.
        mlp_ratio: hidden units of a block's MLP, as a multiple of the width.
        epsilon: added to the variance in the normalizations.
        trained_grid: number of places of the first stage along each axis of the images that the weights were trained on, if their
            size is different; the windows of small maps depend on it. None means the grid of `input_shape`.
    """
    height, wide, _ = input_shape
    stride = patch_size * 2 ** (len(blocks) - 1)
    if not blocks or patch_size < 1 or height % stride or wide % stride:
        raise ZooError(
            f"got images of {height} x {wide} for {len(blocks)} stages and patch_size={patch_size}, expected multiples of "
            f"{stride}."
        )
    if heads < 1 or width % heads:
        raise ZooError(f"got width={width} for {heads} heads, expected a multiple of the heads.")
    if window < 1:
        raise ZooError(f"got window={window}, expected at least 1.")
    side = min(trained_grid or grid_of(input_shape, patch_size))

    def stage(i, count):
        features, largest = width * 2**i, min(window, max(1, side // 2**i))
        inside = [
            TransformerBlock(
                features,
                heads * 2**i,
                mlp_ratio,
                epsilon=epsilon,
                attention=WindowAttention(features, heads * 2**i, largest, shifted=j % 2 == 1),
            )
            for j in range(count)
        ]
        return Backbone([*([PatchMerging(features, epsilon)] if i else []), *inside])

    names = [f"stage{i + 1}" for i in range(len(blocks))]
    stages = [PatchEmbedding(width, patch_size, epsilon), *(stage(i, n) for i, n in enumerate(blocks))]
    encoder = SwinEncoder(patch_size, [*stages, layers.LayerNormalization(epsilon=epsilon)], [None, *names, None])

    def decoder(code_shape, outputs):
        if len(code_shape) != 3:
            raise ZooError(f"the decoder of swin requires feature maps, got a code of shape {tuple(code_shape)}.")
        return LinearPixels(height // code_shape[0], outputs)

    return Pair(encoder, decoder)


class SwinEncoder(Backbone):
    """Images (N, H, W, C) to the maps of the last stage, normalized, (N, rows, columns, width * 2 ** (stages - 1)).

    Args:
        patch_size: see `swin`.
        stages, names: see `Backbone`.
    """

    def __init__(self, patch_size, stages, names, **kwargs):
        super().__init__(stages, names, **kwargs)
        self.patch_size = patch_size

    def start(self, x):
        """The places of the first stage, (N, rows, columns, width), of images."""
        return self.stages[0](x)

    def finish(self, maps):
        """The maps of the last stage, from what `start` returns."""
        for stage in self.stages[1:]:
            maps = stage(maps)
        return maps


class PatchEmbedding(layers.Layer):
    """Images (N, H, W, C) to (N, H / patch_size, W / patch_size, width), normalized."""

    def __init__(self, width, patch_size, epsilon, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Conv2D(width, patch_size, strides=patch_size, data_format="channels_last")
        self.norm = layers.LayerNormalization(epsilon=epsilon)

    def build(self, input_shape):
        self.embed.build(input_shape)
        self.norm.build((None, None, None, self.embed.filters))
        self.built = True

    def compute_output_shape(self, input_shape):
        return self.embed.compute_output_shape(input_shape)

    def call(self, x):
        return self.norm(self.embed(x))


class PatchMerging(layers.Layer):
    """(N, H, W, C) to (N, H / 2, W / 2, width): squares of 2 x 2 places, normalized, then a linear layer without bias."""

    def __init__(self, width, epsilon, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization(epsilon=epsilon)
        self.reduce = layers.Dense(width, use_bias=False)

    def build(self, input_shape):
        self.norm.build((None, None, None, 4 * input_shape[-1]))
        self.reduce.build((None, None, None, 4 * input_shape[-1]))
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, height // 2, width // 2, self.reduce.units

    def call(self, x):
        height, width, maps = x.shape[1:]
        # The original lists the places of a square column by column.
        x = ops.transpose(ops.reshape(x, (-1, height // 2, 2, width // 2, 2, maps)), (0, 1, 3, 4, 2, 5))
        return self.reduce(self.norm(ops.reshape(x, (-1, height // 2, width // 2, 4 * maps))))


class WindowAttention(Attention):
    """Multi-head self-attention in windows, (N, H, W, width) -> the same shape. Maps are padded by zeros to whole windows.

    Args:
        width: number of feature maps.
        heads: number of heads; must divide the width.
        window: side of the largest window.
        shifted: whether the windows are shifted by half a window. Maps that are one window are not shifted.
    """

    def __init__(self, width, heads, window, shifted, **kwargs):
        super().__init__(width, heads, **kwargs)
        self.window, self.shifted = window, shifted

    def build(self, input_shape):
        super().build((None, None, input_shape[-1]))
        self.bias = self.add_weight(
            name="bias",
            shape=((2 * self.window - 1) ** 2, self.heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )
        size = input_shape[1:3]
        self.side = min(self.window, *size)
        self.shift = self.side // 2 if self.shifted and min(size) > self.side else 0
        self.padding = [(0, -length % self.side) for length in size]
        self.grid = [(length + more) // self.side for length, (_, more) in zip(size, self.padding)]
        self.relative = _relative(self.side, self.window)
        self.apart = _apart([count * self.side for count in self.grid], self.side, self.shift) if self.shift else None

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        height, width, maps = x.shape[1:]
        (rows, columns), side = self.grid, self.side
        x = ops.pad(x, ((0, 0), *self.padding, (0, 0))) if any(more for _, more in self.padding) else x
        x = ops.reshape(_rolled(x, self.shift), (-1, rows, side, columns, side, maps))
        windows = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, side**2, maps))
        x = ops.reshape(super().call(windows), (-1, rows, columns, side, side, maps))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows * side, columns * side, maps))
        return _rolled(x, -self.shift)[:, :height, :width]

    def weigh(self, scores):
        bias = ops.take(ops.convert_to_tensor(self.bias), self.relative, axis=0)
        bias = ops.cast(ops.transpose(ops.reshape(bias, (self.side**2, self.side**2, self.heads)), (2, 0, 1)), scores.dtype)
        if self.apart is not None:
            count, *shape = self.apart.shape
            by_window = ops.reshape(scores + bias, (-1, count, self.heads, *shape))
            scores = ops.reshape(by_window + ops.cast(self.apart[:, None], scores.dtype), (-1, self.heads, *shape))
            return super().weigh(scores)
        return super().weigh(scores + bias)


def _rolled(x, shift):
    """Maps (N, H, W, C) of which the first `shift` rows and columns have become the last; of a negative shift, the inverse."""
    if not shift:
        return x
    # By slices, because not every exported format has an operation for it.
    x = ops.concatenate([x[:, shift:], x[:, :shift]], axis=1)
    return ops.concatenate([x[:, :, shift:], x[:, :, :shift]], axis=2)


def _relative(side, window):
    """For each pair of places of a window, the row of their relative position in the biases of a window of side `window`."""
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2)
    rows, columns = np.moveaxis(places[:, None] - places[None], -1, 0) + window - 1
    return (rows * (2 * window - 1) + columns).reshape(-1).astype(np.int32)


def _apart(size, side, shift):
    """(windows, side², side²), float32: a large negative number for places of shifted windows that are not adjacent."""
    parts = [np.repeat([0, 1, 2], [length - side, side - shift, shift]) for length in size]
    regions = 3 * parts[0][:, None] + parts[1][None]
    windows = regions.reshape(size[0] // side, side, size[1] // side, side).transpose(0, 2, 1, 3).reshape(-1, side**2)
    return np.where(windows[:, :, None] != windows[:, None], _APART, 0.0).astype(np.float32)


class LinearPixels(layers.Layer):
    """(N, H, W, C) to (N, stride H, stride W, outputs): one linear layer from a place to its pixels."""

    def __init__(self, stride, outputs, **kwargs):
        super().__init__(**kwargs)
        self.stride = stride
        self.out = layers.Dense(stride**2 * outputs)

    def build(self, input_shape):
        self.out.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        count, height, width, _ = input_shape
        return count, height * self.stride, width * self.stride, self.out.units // self.stride**2

    def call(self, x):
        return pixel_shuffle(self.out(x), self.stride)
