"""A decoder that samples the pixels in groups, each conditioned on the groups before it.

A compromise between decoders with independent pixels and decoders that sample one pixel after another (Gulrajani et al. 2016,
"PixelVAE: a latent variable model for natural images", arXiv:1611.05013); the interleaved groups are those of Reed et al. 2017,
"Parallel multiscale autoregressive density estimation", arXiv:1703.03664.
"""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.fold import fold, unfold
from zoo.layers.bottlenecks.ladder import Block, enlarged, inner_width
from zoo.modalities.tensors import to_unit

# (row, column) in blocks of 2 x 2 pixels, in the order of sampling.
_ORDER = ((0, 0), (1, 1), (0, 1), (1, 0))
# For each group, (earlier group, row, column) of the four nearest known pixels, in the 3 x 3 positions around a pixel.
_AROUND = {
    1: ((0, 1, 1), (0, 1, 2), (0, 2, 1), (0, 2, 2)),
    2: ((0, 1, 1), (0, 1, 2), (1, 1, 1), (1, 0, 1)),
    3: ((0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 1, 0)),
}


class PixelGroups(layers.Layer):
    """A code (N, h, w, C), and the images, to the decoder outputs (N, *image_shape[:2], outputs), float32.

    In each block of 2^L x 2^L pixels, the upper left one is sampled from the code alone. Then the image is doubled L times, see
    `UpsamplingLevel`.

    Args:
        image_shape: (height, width, channels).
        widths: number of feature maps at each of the L levels, finest first.
        loss: the reconstruction loss, which defines the outputs.
        activation: activation function of the blocks.

    Raises:
        ZooError: if height or width is not divisible by 2^L.
    """

    def __init__(self, image_shape, widths, loss, activation, **kwargs):
        # Here and below, pixels and outputs stay in float32, because bfloat16 cannot represent 256 levels.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.widths, self.loss, self.activation = tuple(widths), loss, activation
        height, width = self.image_shape[:2]
        if height % self._stride or width % self._stride:
            raise ZooError(
                f"got images of {height} x {width} and groups={self.widths}, whose {len(self.widths)} levels each halve "
                f"height and width; expected fewer levels, or height and width divisible by {self._stride}."
            )

    @property
    def _stride(self):
        """Distance in pixels between two pixels of the first group."""
        return 2 ** len(self.widths)

    def build(self, code_shape):
        height, width, channels = self.image_shape
        coarsest = self._stride
        self.sizes = [(height * 2**i // coarsest, width * 2**i // coarsest) for i in range(len(self.widths))]
        self.enter, self.widen, self.levels = [], [], []
        before = None
        for size, maps in zip(self.sizes, reversed(self.widths)):
            self.enter.append(
                _built(layers.Conv2D(maps, 1, data_format="channels_last"), _at(keras.KerasTensor(code_shape), size).shape)
            )
            if before is not None:
                self.widen.append(_built(layers.Conv2D(4 * maps, 1, data_format="channels_last"), before))
            self.levels.append(_built(UpsamplingLevel(channels, self.loss, self.activation), (None, *size, maps)))
            before = (None, *size, maps)
        first = (None, *self.sizes[0], self.widths[-1])
        self.block = _built(_block(first, self.activation), first)
        self.leave = _built(OutputHead(channels, self.loss, self.activation), first)
        self.guess = _built(
            layers.Conv2D(channels, 1, dtype="float32", data_format="channels_last"),
            _at(keras.KerasTensor(code_shape), self.sizes[0]).shape,
        )
        self.built = True

    def compute_output_shape(self, code_shape):
        return (code_shape[0], *self.image_shape[:2], self.loss.parameters(self.image_shape[-1]))

    def call(self, code, images=None):
        """Outputs for `images`, uint8 or floats 0..1; without images, each group sees the means of earlier groups."""
        if images is None:
            return self._by_groups(code, lambda outputs, *_: self.loss.to_image(outputs))[0]
        images = to_unit(images, "float32")
        return self._by_groups(code, lambda _, rows, columns: images[:, rows, columns])[0]

    @property
    def uniform_shape(self):
        """Shape of the uniform numbers that `draw` requires per image."""
        return (*self.image_shape[:2], self.loss.draw_size(self.image_shape[-1]))

    def draw(self, code, uniform):
        """Images sampled from p(x|z), float32 0..1, from numbers (N, *uniform_shape) uniform in 0..1."""
        return self._by_groups(code, lambda outputs, rows, columns: self.loss.draw(outputs, uniform[:, rows, columns]))[1]

    def _by_groups(self, code, show):
        """The outputs and the image; `show` returns the pixels, 0..1, of a group of outputs at the given rows and columns."""

        def pixels(half, row, column, outputs):
            return show(outputs, slice(row * half, None, 2 * half), slice(column * half, None, 2 * half)) - 0.5

        half = self._stride // 2
        context = _at(code, self.sizes[0])
        state = self.enter[0](context)
        state = state + self.block(state)
        outputs = self.leave(state, self.guess(context))
        image = pixels(half, 0, 0, outputs)
        for i, (size, level) in enumerate(zip(self.sizes, self.levels)):
            if i:
                state = self.enter[i](_at(code, size)) + unfold(self.widen[i - 1](state), (*size, self.widths[-1 - i]))
            state, outputs, image = level(state, image, outputs, pixels=partial(pixels, half))
            half //= 2
        return outputs, image + 0.5


class UpsamplingLevel(layers.Layer):
    """One level, from an image (N, H, W, channels) to (N, 2 H, 2 W, channels): three pixels are added to each, in three groups.

    A group of pixels is predicted linearly from the 3 x 3 positions around it, initially as the mean of its four neighbors. The
    sampled pixels are added to the state (N, H, W, width), which a residual block processes before each group.

    Args:
        channels: number of channels of the image.
        loss: the reconstruction loss, which defines the outputs.
        activation: activation function of the blocks.
    """

    def __init__(self, channels, loss, activation, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.channels, self.loss, self.activation = channels, loss, activation

    def build(self, shape):
        width = shape[-1]
        self.read, self.blocks, self.guess, self.leave = [], [], [], []
        for draw in range(1, 4):
            self.read.append(
                _built(layers.Conv2D(width, 3, padding="same", data_format="channels_last"), (*shape[:3], self.channels))
            )
            self.blocks.append(_built(_block(shape, self.activation), shape))
            guess = layers.Conv2D(self.channels, 3, padding="same", dtype="float32", data_format="channels_last")
            self.guess.append(_built(guess, (*shape[:3], draw * self.channels)))
            guess.kernel.assign(_mean_around(draw, self.channels))
            self.leave.append(_built(OutputHead(self.channels, self.loss, self.activation), shape))
        self.built = True

    def call(self, state, image, outputs, pixels):
        """The state, the outputs (N, 2 H, 2 W, outputs) and the image of the next level.

        Args:
            state: (N, H, W, width).
            image: (N, H, W, channels), float32, -0.5..0.5.
            outputs: (N, H, W, outputs), the outputs from which `image` was sampled.
            pixels: function (row, column, outputs) to the pixels of a group, in the format of `image`.
        """
        seen, found = {(0, 0): image}, {(0, 0): outputs}
        last = image
        for read, block, guess, leave, place in zip(self.read, self.blocks, self.guess, self.leave, _ORDER[1:]):
            # Scaled to a standard deviation of about 1.
            state = state + read(4 * last)
            state = state + block(state)
            found[place] = leave(state, guess(ops.concatenate(list(seen.values()), axis=-1)))
            seen[place] = last = pixels(*place, found[place])
        return state, _interleaved(found), _interleaved(seen)


class OutputHead(layers.Layer):
    """A state (N, H, W, C) and a prediction (N, H, W, channels), -0.5..0.5, to the outputs (N, H, W, outputs), float32.

    Args:
        channels: number of channels of the prediction.
        loss: the reconstruction loss, which defines the outputs.
        activation: activation function applied to the state.
    """

    def __init__(self, channels, loss, activation, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.channels, self.loss = channels, loss
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        # Initially small compared with the prediction.
        small = keras.initializers.VarianceScaling(0.01)
        self.last = _built(
            layers.Conv2D(self.loss.parameters(self.channels), 1, kernel_initializer=small, data_format="channels_last"), shape
        )
        self.last.bias.assign(self.loss.start(self.channels))
        self.built = True

    def call(self, state, guess):
        return self.loss.shift(ops.cast(self.last(self.activation(state)), "float32"), guess + 0.5)


def _mean_around(draw, channels):
    """Kernel (3, 3, draw · channels, channels): the mean of the four nearest known pixels, per channel."""
    kernel = np.zeros((3, 3, draw, channels, channels), "float32")
    for before, row, column in _AROUND[draw]:
        kernel[row, column, before] = np.eye(channels) / 4
    return kernel.reshape(3, 3, draw * channels, channels)


def _interleaved(groups):
    """Interleaves the four groups (N, H, W, C), keyed by (row, column) in 2 x 2, to an image (N, 2 H, 2 W, C)."""
    maps = ops.concatenate([groups[place] for place in sorted(groups)], axis=-1)
    return unfold(maps, (2 * maps.shape[1], 2 * maps.shape[2], maps.shape[-1] // 4))


def _at(code, size):
    """A code (N, h, w, C) at another resolution: folded if coarser, repeated if finer."""
    return enlarged(code, size) if code.shape[1] < size[0] else fold(code, size)


def _block(shape, activation):
    return Block(shape[-1], inner_width(shape[-1]), 0.25, activation)


def _built(layer, shape):
    layer.build(shape)
    return layer
