"""A decoder that draws the pixels in groups, each of which sees those before it.

Between decoders that draw all pixels at once and those that draw one after the other: Gulrajani et al. 2016, "PixelVAE: a latent
variable model for natural images", arXiv:1611.05013; interleaved groups of Reed et al. 2017, "Parallel multiscale autoregressive
density estimation", arXiv:1703.03664.
"""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

from zoo.errors import ZooError
from zoo.layers.blocks.fold import fold, unfold
from zoo.layers.bottlenecks.ladder import Block, enlarged, narrowed
from zoo.modalities.tensors import to_unit

# (row, column) of 2 x 2 pixels, in the order of drawing.
_ORDER = ((0, 0), (1, 1), (0, 1), (1, 0))
# (draw, row, column) of the four pixels next to those of a draw, in 3 x 3 places around it, among the draws before.
_AROUND = {
    1: ((0, 1, 1), (0, 1, 2), (0, 2, 1), (0, 2, 2)),
    2: ((0, 1, 1), (0, 1, 2), (1, 1, 1), (1, 0, 1)),
    3: ((0, 1, 1), (0, 2, 1), (1, 1, 1), (1, 1, 0)),
}


class PixelGroups(layers.Layer):
    """A code (N, h, w, C), and the images, to the outputs a pixel (N, *image_shape[:2], outputs), float32.

    Of every 2^L x 2^L pixels the upper left is drawn from the code alone. Then the image is doubled L times: see `Doubling`.

    Args:
        image_shape: (height, width, channels).
        widths: maps of each of the L levels, finest first.
        loss: the reconstruction loss whose outputs are given.
        activation: of the blocks.

    Raises:
        ZooError: for sides that 2^L does not divide.
    """

    def __init__(self, image_shape, widths, loss, activation, **kwargs):
        # Here and below: pixels and outputs stay in full precision, for bfloat16 has fewer levels than they do.
        super().__init__(autocast=False, **kwargs)
        self.image_shape = tuple(image_shape)
        self.widths, self.loss, self.activation = tuple(widths), loss, activation
        height, width = self.image_shape[:2]
        if height % self._stride or width % self._stride:
            raise ZooError(
                f"got images of {height} x {width} and groups={self.widths}, whose {len(self.widths)} levels halve both sides so "
                f"many times; expected fewer levels or sides divisible by {self._stride}."
            )

    @property
    def _stride(self):
        """Pixels from one that is drawn first to the next."""
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
            self.levels.append(_built(Doubling(channels, self.loss, self.activation), (None, *size, maps)))
            before = (None, *size, maps)
        first = (None, *self.sizes[0], self.widths[-1])
        self.block = _built(_block(first, self.activation), first)
        self.leave = _built(Leave(channels, self.loss, self.activation), first)
        self.guess = _built(
            layers.Conv2D(channels, 1, dtype="float32", data_format="channels_last"),
            _at(keras.KerasTensor(code_shape), self.sizes[0]).shape,
        )
        self.built = True

    def compute_output_shape(self, code_shape):
        return (code_shape[0], *self.image_shape[:2], self.loss.parameters(self.image_shape[-1]))

    def call(self, code, images=None):
        """Outputs for `images`, uint8 or floats 0..1; without them every group sees the means of those before it."""
        if images is None:
            return self._in_turn(code, lambda outputs, *_: self.loss.to_image(outputs))[0]
        images = to_unit(images, "float32")
        return self._in_turn(code, lambda _, rows, columns: images[:, rows, columns])[0]

    @property
    def uniform_shape(self):
        """Shape of the numbers that `draw` takes an image."""
        return (*self.image_shape[:2], self.loss.draw_size(self.image_shape[-1]))

    def draw(self, code, uniform):
        """Images drawn from p(x|z), float32 0..1, by numbers (N, *uniform_shape) uniform in 0..1."""
        return self._in_turn(code, lambda outputs, rows, columns: self.loss.draw(outputs, uniform[:, rows, columns]))[1]

    def _in_turn(self, code, show):
        """The outputs and the image; `show` gives the pixels, 0..1, of a group of outputs in these rows and columns."""

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


class Doubling(layers.Layer):
    """One level: to an image (N, H, W, channels) the three pixels beside each, to one of (N, 2 H, 2 W, channels), in three draws.

    A group of pixels is guessed linearly from the 3 x 3 places around it, at first as the mean of its four neighbours, and what
    is drawn of it is read into the state (N, H, W, width), on which a residual block works before every draw.

    Args:
        channels: of the image.
        loss: the reconstruction loss whose outputs are given.
        activation: of the blocks.
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
            self.leave.append(_built(Leave(self.channels, self.loss, self.activation), shape))
        self.built = True

    def call(self, state, image, outputs, pixels):
        """The state, the outputs (N, 2 H, 2 W, outputs) and the image of the next level.

        Args:
            state: (N, H, W, width).
            image: (N, H, W, channels), float32, -0.5..0.5.
            outputs: (N, H, W, outputs), those from which `image` was drawn.
            pixels: function (row, column, outputs) to the pixels of a group, such as `image`.
        """
        seen, found = {(0, 0): image}, {(0, 0): outputs}
        last = image
        for read, block, guess, leave, place in zip(self.read, self.blocks, self.guess, self.leave, _ORDER[1:]):
            # About as wide as a standard normal.
            state = state + read(4 * last)
            state = state + block(state)
            found[place] = leave(state, guess(ops.concatenate(list(seen.values()), axis=-1)))
            seen[place] = last = pixels(*place, found[place])
        return state, _woven(found), _woven(seen)


class Leave(layers.Layer):
    """A state (N, H, W, C) and a guess (N, H, W, channels), -0.5..0.5, to the outputs (N, H, W, outputs), float32.

    Args:
        channels: of the guess.
        loss: the reconstruction loss whose outputs are given.
        activation: of the state.
    """

    def __init__(self, channels, loss, activation, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.channels, self.loss = channels, loss
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        # At first little beside the guess.
        small = keras.initializers.VarianceScaling(0.01)
        self.last = _built(
            layers.Conv2D(self.loss.parameters(self.channels), 1, kernel_initializer=small, data_format="channels_last"), shape
        )
        self.last.bias.assign(self.loss.start(self.channels))
        self.built = True

    def call(self, state, guess):
        return self.loss.shift(ops.cast(self.last(self.activation(state)), "float32"), guess + 0.5)


def _mean_around(draw, channels):
    """Kernel (3, 3, draw · channels, channels): the mean of the four pixels next to those of a draw, channel by channel."""
    kernel = np.zeros((3, 3, draw, channels, channels), "float32")
    for before, row, column in _AROUND[draw]:
        kernel[row, column, before] = np.eye(channels) / 4
    return kernel.reshape(3, 3, draw * channels, channels)


def _woven(groups):
    """The image (N, 2 H, 2 W, C) of the four groups (N, H, W, C) by their (row, column) in 2 x 2."""
    maps = ops.concatenate([groups[place] for place in sorted(groups)], axis=-1)
    return unfold(maps, (2 * maps.shape[1], 2 * maps.shape[2], maps.shape[-1] // 4))


def _at(code, size):
    """A code (N, h, w, C) at another resolution: folded to a coarser one, repeated to a finer one."""
    return enlarged(code, size) if code.shape[1] < size[0] else fold(code, size)


def _block(shape, activation):
    return Block(shape[-1], narrowed(shape[-1]), 0.25, activation)


def _built(layer, shape):
    layer.build(shape)
    return layer
