"""Transformer blocks (Vaswani et al. 2017, arXiv:1706.03762), pre-normalized as in the vision transformer."""

import functools
import math

import keras
from keras import layers, ops

from zoo.utils.batching import inferring


def as_rows(x):
    """Tokens (N, T, width) to (N T, width): TensorFlow fuses a product with its bias and activation only for matrices."""
    return ops.reshape(x, (-1, x.shape[-1]))


def gelu(x):
    """The Gaussian error linear unit (Hendrycks & Gimpel 2016, arXiv:1606.08415), computed with the error function."""
    if keras.backend.backend() != "tensorflow" or inferring():
        return ops.gelu(x, approximate=False)
    # In training, TensorFlow does not fuse it, and its error function is four times slower in half than in single precision.
    return ops.cast(_gelu()(ops.cast(x, "float32")), x.dtype)


@functools.cache
def _gelu():
    import tensorflow as tf

    @tf.custom_gradient
    def function(x):
        share = 0.5 + 0.5 * tf.math.erf(math.sqrt(0.5) * x)

        def slope(upstream):
            # Reuses intermediate results of the forward pass, which TensorFlow's own gradient computes again.
            return upstream * (share + x * tf.exp(-0.5 * tf.square(x)) * (1 / math.sqrt(2 * math.pi)))

        return x * share, slope

    return function


class Attention(layers.Layer):
    """Multi-head self-attention, (N, T, width) -> the same shape.

    Args:
        width: size of a token.
        heads: number of heads; must divide the width.
        decay: regularizer of the kernels, or None.
    """

    def __init__(self, width, heads, decay=None, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.qkv = layers.Dense(3 * width, kernel_regularizer=decay)
        self.out = layers.Dense(width, kernel_regularizer=decay)

    def build(self, input_shape):
        self.qkv.build(input_shape)
        self.out.build(input_shape)
        self.built = True

    def call(self, x):
        tokens, size = x.shape[1], self.width // self.heads
        qkv = ops.reshape(self.qkv(as_rows(x)), (-1, tokens, 3, self.heads, size))
        q, k, v = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)), 3)
        scores = ops.matmul(q * size**-0.5, ops.transpose(k, (0, 1, 3, 2)))
        mixed = ops.matmul(self.weigh(scores), v)
        rows = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, self.width))
        return ops.reshape(self.out(rows), (-1, tokens, self.width))

    def weigh(self, scores):
        """The weights of the values, from the scores (N, heads, T, T) of queries and keys."""
        return ops.softmax(scores, axis=-1)


class DropPath(layers.Layer):
    """Stochastic depth (Huang et al. 2016): in training, zeroes a fraction `rate` of the inputs and scales the others."""

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, training=None):
        if not training or not self.rate:
            return x
        shape = (ops.shape(x)[0], *[1] * (len(x.shape) - 1))
        kept = keras.random.uniform(shape, seed=self.seed_generator) >= self.rate
        return x * ops.cast(kept, x.dtype) / (1 - self.rate)


class TransformerBlock(layers.Layer):
    """(N, ..., width) -> the same shape: x + attention(norm(x)), then x + mlp(norm(x)).

    Args:
        width: size of a token.
        heads: number of attention heads; must divide the width.
        mlp_ratio: hidden units of the MLP, as a multiple of the width.
        dropout: dropout rate of the output of each branch, in training.
        drop_path: fraction of the inputs for which a branch is skipped in training.
        decay: regularizer of the kernels, or None.
        epsilon: added to the variance in the normalizations.
        attention: the layer of attention, whose inputs the block then takes; None means `Attention`, for (N, T, width).
        scaled: whether each branch is multiplied by one number per feature (Touvron et al. 2021, arXiv:2103.17239).
    """

    def __init__(
        self,
        width,
        heads,
        mlp_ratio=4.0,
        dropout=0.0,
        drop_path=0.0,
        decay=None,
        epsilon=1e-6,
        attention=None,
        scaled=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.scaled = scaled
        self.norm1 = layers.LayerNormalization(epsilon=epsilon)
        self.attention = Attention(width, heads, decay) if attention is None else attention
        self.norm2 = layers.LayerNormalization(epsilon=epsilon)
        self.hidden = layers.Dense(int(width * mlp_ratio), activation=gelu, kernel_regularizer=decay)
        self.out = layers.Dense(width, kernel_regularizer=decay)
        self.dropout = layers.Dropout(dropout) if dropout else None
        self.drop_path = DropPath(drop_path) if drop_path else None

    def build(self, input_shape):
        self.norm1.build(input_shape)
        self.attention.build(input_shape)
        self.norm2.build(input_shape)
        self.hidden.build(input_shape)
        self.out.build((*input_shape[:-1], self.hidden.units))
        if self.scaled:
            self.scale1, self.scale2 = (
                self.add_weight(name=name, shape=(input_shape[-1],), initializer="ones") for name in ("scale1", "scale2")
            )
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        x = x + self._branch(self.attention(self.norm1(x)), self.scale1 if self.scaled else None)
        rows = self.out(self.hidden(as_rows(self.norm2(x))))
        return x + self._branch(ops.reshape(rows, (-1, *x.shape[1:])), self.scale2 if self.scaled else None)

    def _branch(self, x, scale):
        x = x if scale is None else x * ops.cast(ops.convert_to_tensor(scale), x.dtype)
        x = x if self.dropout is None else self.dropout(x)
        return x if self.drop_path is None else self.drop_path(x)
