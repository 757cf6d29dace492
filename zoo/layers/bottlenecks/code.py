"""Base classes of bottlenecks: from the encoder's output to the code that the decoder takes."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.fold import side
from zoo.layers.loss_layer import LossLayer
from zoo.utils.numbers import check_whole, is_whole


class Bottleneck(LossLayer):
    """Base of bottlenecks, for h, the output of the encoder.

    `call(h)` returns the code for training and adds the loss terms; `code(h)` returns the deterministic code and adds none.

    `features(h)` returns the features (N, D): by default the code, flattened.
    """

    code_shape = None
    # Whether a term is a divergence in nats, summed over the code. With a reconstruction loss that is a mean over pixels, a value
    # hundreds of times smaller than the sum, the posterior would collapse. See `Autoencoder.check_loss`.
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
        """The tensor that is pooled: the code if it is feature maps or tokens, the features if it is a vector."""
        return self.code(h) if len(self.code_shape) > 1 else self.features(h)

    def to_code(self, z):
        """Codes (N, *code_shape), numpy, from codes, flattened codes, or features that determine the code; otherwise None."""
        shape = tuple(self.code_shape)
        return z.reshape(-1, *shape) if z.shape[1:] in (shape, (int(np.prod(shape)),)) else None

    def sample_prior(self, n, seed):
        """`n` codes sampled from the variant's prior, as numpy. Raises ZooError if the variant has no prior."""
        raise ZooError(
            "the model has no prior to sample from; use a variational model such as vae_mlp.mnist, or a sampler of zoo.samplers."
        )


class NormalPrior:
    """Mixin of bottlenecks with a standard normal prior."""

    def sample_prior(self, n, seed):
        return np.random.default_rng(seed).standard_normal((n, *self.code_shape), dtype=np.float32)


class DenseCode(Bottleneck):
    """A dense code of `units`, without a loss term. The code of the plain autoencoder, and the base of codes with loss terms.

    Args:
        units: size of the code.
        activation: activation function of the code; None means linear.
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
    """Base of codes that are the unchanged output of the encoder."""

    def call(self, h):
        return h

    def code(self, h):
        return h


class MapCode(PlainCode):
    """The encoder's last feature maps (N, H, W, C), unchanged: a fully convolutional code.

    The features are the means of each map over a grid of `grid` x `grid` regions, flattened.

    Args:
        grid: number of regions per side.
        image_shape: (height, width, channels) of an image that is folded into additional maps and not part of the features, or
            None.
    """

    def __init__(self, grid=4, image_shape=None, **kwargs):
        super().__init__(**kwargs)
        self.grid = grid
        self.image_shape = image_shape

    def build(self, input_shape):
        if len(input_shape) != 4:
            got = tuple(input_shape)
            raise ZooError(f"a code of feature maps requires an encoder whose output is maps, got {got}; give a latent_dim.")
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
    """The encoder's tokens (N, 1 + patches, width), unchanged.

    The features are the means over the patches, without the last `excluded` numbers of each token.

    Args:
        excluded: count of numbers at the end of each token that are not part of the features.
    """

    def __init__(self, excluded=0, **kwargs):
        super().__init__(**kwargs)
        self.excluded = excluded

    def build(self, input_shape):
        if len(input_shape) != 3:
            got = tuple(input_shape)
            raise ZooError(f"a code of tokens requires an encoder whose output is tokens, got {got}; use the backbone 'vit'.")
        self.width = input_shape[-1] - self.excluded
        self.code_shape = tuple(input_shape[1:])
        self.built = True

    def unpooled(self, h):
        return h[..., : self.width]

    def features(self, h):
        return pool_features(self.unpooled(h), "mean")


def pool_features(h, pool):
    """Feature maps (N, H, W, C) to vectors (N, D): flattened, averaged over the image, or over a k x k grid of regions.

    For tokens (N, 1 + patches, D), "mean" averages over the patches, and "token" takes the first token, which is not a patch. For
    regions, the tokens are arranged as maps first, see `ViTEncoder.maps`.
    """
    if len(h.shape) == 2:
        return h
    if len(h.shape) == 3 and pool in ("mean", "token"):
        return h[:, 0] if pool == "token" else ops.mean(h[:, 1:], axis=1)
    if pool == "token":
        raise ZooError("got pool='token' for feature maps, expected 'mean', 'flatten' or a number of regions per side.")
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
