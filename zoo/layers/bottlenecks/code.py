"""Bottlenecks: from what the encoder's backbone found to the code that the decoder reads."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.fold import side
from zoo.layers.loss_layer import LossLayer
from zoo.utils.numbers import check_whole, is_whole


class Bottleneck(LossLayer):
    """Base. `call(h)` -> the code for training, charging its price; `code(h)` -> the same without chance or charge.

    `features(h)` -> (N, D), what the encoder gives out: the code, flattened, unless a subclass has better.
    """

    code_shape = None
    # Whether a term is a divergence in nats, summed over the code: beside a mean over pixels, hundreds of times smaller than the
    # sum, it would leave nothing in the code. See `Autoencoder.check_loss`.
    in_nats = False

    @property
    def output_shape(self):
        """(None, ...): the shape of a batch of codes."""
        return (None, *self.code_shape)

    def code(self, h):
        raise NotImplementedError

    def features(self, h):
        code = self.code(h)
        return code if len(code.shape) == 2 else ops.reshape(code, (-1, int(np.prod(code.shape[1:]))))

    def unpooled(self, h):
        """What a pool is taken of: the code where it is maps or tokens, the features where it is a vector."""
        return self.code(h) if len(self.code_shape) > 1 else self.features(h)

    def to_code(self, z):
        """Codes (N, *code_shape), numpy, of codes in that shape or flattened, or of features that tell the code; else None."""
        shape = tuple(self.code_shape)
        return z.reshape(-1, *shape) if z.shape[1:] in (shape, (int(np.prod(shape)),)) else None

    def sample_prior(self, n, seed):
        """`n` codes drawn from the variant's prior, as numpy; `ZooError` for a variant that has none."""
        raise ZooError(
            f"{type(self).__name__} has no prior to sample from; sample from a variational model, such as vae_mlp, instead."
        )


class NormalPrior:
    """For a bottleneck whose prior is standard normal."""

    def sample_prior(self, n, seed):
        return np.random.default_rng(seed).standard_normal((n, *self.code_shape), dtype=np.float32)


class DenseCode(Bottleneck):
    """A fully connected code of `units`; charges nothing. The code of the plain autoencoder, and the base of those that charge.

    Args:
        units: size of the code.
        activation: of the code; None is linear.
    """

    def __init__(self, units, activation=None, **kwargs):
        check_whole(1, latent_dim=units)
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units, activation=activation)
        self.code_shape = (units,)

    def build(self, input_shape):
        self.dense.build((None, int(np.prod(input_shape[1:]))))
        self.built = True

    def call(self, h):
        return self.code(h)

    def code(self, h):
        return self.dense(flatten(h))


class PlainCode(Bottleneck):
    """Base of a code that is what the encoder ends in."""

    def call(self, h):
        return h

    def code(self, h):
        return h


class MapCode(PlainCode):
    """The encoder's last feature maps (N, H, W, C) as they are: a fully convolutional code, as large as they are.

    The features are the means of every map over a grid of `grid` x `grid` regions, flattened.

    Args:
        grid: regions a side.
        image_shape: (height, width, channels) of an image that is folded in behind the maps and is no feature, or None.
    """

    def __init__(self, grid=4, image_shape=None, **kwargs):
        super().__init__(**kwargs)
        self.grid = grid
        self.image_shape = image_shape

    def build(self, input_shape):
        if len(input_shape) != 4:
            got = tuple(input_shape)
            raise ZooError(f"a code of feature maps needs an encoder that ends in maps, got {got}; give a latent_dim.")
        self.code_shape = tuple(input_shape[1:])
        self.grid = min(self.grid, *input_shape[1:3])
        self.maps = input_shape[-1]
        if self.image_shape is not None:
            self.maps -= side(self.image_shape[:2], input_shape[1:3]) ** 2 * self.image_shape[-1]
        self.built = True

    def unpooled(self, h):
        return h[..., : self.maps]

    def features(self, h):
        return pool_features(self.unpooled(h), self.grid)


class TokenCode(PlainCode):
    """The encoder's tokens (N, 1 + patches, width) as they are, and behind them `beside` numbers a token that are no features.

    The features are the means over the patches.

    Args:
        beside: numbers at the end of every token.
    """

    def __init__(self, beside=0, **kwargs):
        super().__init__(**kwargs)
        self.beside = beside

    def build(self, input_shape):
        if len(input_shape) != 3:
            got = tuple(input_shape)
            raise ZooError(f"a code of tokens needs an encoder that ends in tokens, got {got}; use the backbone 'vit'.")
        self.width = input_shape[-1] - self.beside
        self.code_shape = tuple(input_shape[1:])
        self.built = True

    def unpooled(self, h):
        return h[..., : self.width]

    def features(self, h):
        return pool_features(self.unpooled(h), "mean")


def pool_features(h, pool):
    """Feature maps (N, H, W, C) to vectors (N, D): flattened, averaged over the image, or over a k x k grid of regions.

    Of tokens (N, 1 + patches, D), "mean" is over the patches, and "token" the first, which belongs to none; regions of them are
    those of their maps, see `ViTEncoder.maps`.
    """
    if len(h.shape) == 2:
        return h
    if len(h.shape) == 3 and pool in ("mean", "token"):
        return h[:, 0] if pool == "token" else ops.mean(h[:, 1:], axis=1)
    if pool == "token":
        raise ZooError("got pool='token' for feature maps, expected 'mean', 'flatten' or a number of regions a side.")
    if pool == "mean":
        return ops.mean(h, axis=(1, 2))
    if is_whole(pool):
        height, width = h.shape[1:3]
        if pool > min(height, width):
            raise ZooError(f"got pool={pool}, expected at most {min(height, width)}: the feature map is {height} x {width}.")
        rows = [ops.mean(h[:, i * height // pool : -(-(i + 1) * height // pool)], axis=1) for i in range(pool)]
        cells = [ops.mean(r[:, j * width // pool : -(-(j + 1) * width // pool)], axis=1) for r in rows for j in range(pool)]
        return ops.concatenate(cells, axis=-1)
    return flatten(h)


def flatten(h):
    """(N, ...) -> (N, D)."""
    return h if len(h.shape) == 2 else ops.reshape(h, (-1, int(np.prod(h.shape[1:]))))
