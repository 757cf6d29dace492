"""The network of the detector: a small ensemble of masked, denoising autoencoders of columns, in one graph."""

import keras
import numpy as np
from keras import layers, ops

# Noise on the columns that are seen while the others are predicted, in standard deviations of a column.
_NOISE = 0.1
# Bounds of the logarithm of a column's predicted standard deviation: no prediction is more certain than what it is made from.
_LOG_SIGMA = (float(np.log(_NOISE)), 3.0)
# Fractions of the columns that are hidden.
_LEAST_HIDDEN, _MOST_HIDDEN = 0.05, 0.6


class EnsembleDense(layers.Layer):
    """A dense layer for each member of an ensemble: (members, N, D) -> (members, N, units)."""

    def __init__(self, members, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.members, self.units = members, units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        inputs = input_shape[-1]
        limit = float(np.sqrt(6 / (inputs + self.units)))
        uniform = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight((self.members, inputs, self.units), uniform, name="kernel")
        self.bias = self.add_weight((self.members, 1, self.units), "zeros", name="bias")
        self.built = True

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def call(self, x):
        return self.activation(ops.matmul(x, self.kernel) + self.bias)


class ColumnNetwork(keras.Model):
    """Predicts hidden columns of a row from the others, each with its own uncertainty.

    Rows x are standardized, (N, D); `seen` is 1 for the columns that the network sees. Trained on normal rows to minimize

        -log p(x_hidden | x_seen + noise),

    p Gaussian with the predicted means and deviations: the objective of masked autoencoders on columns (Du, Melis & Wang 2023,
    "ReMasker", arXiv:2309.13793; Yin et al. 2024, "MCM"), with a density instead of an error, and of denoising autoencoders.

    Args:
        columns: D.
        members: number of independent networks, whose predictions are averaged.
        width: units of the hidden layers.
        depth: number of residual blocks of two layers.
    """

    def __init__(self, columns, members=2, width=128, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.columns, self.members = columns, members
        self.first = EnsembleDense(members, width, "gelu")
        self.blocks = [(EnsembleDense(members, width, "gelu"), EnsembleDense(members, width)) for _ in range(depth)]
        self.normalize = layers.LayerNormalization(center=False, scale=False)
        self.prediction = EnsembleDense(members, 2 * columns)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape=None):
        width = self.first.units
        self.first.build((self.members, None, 2 * self.columns))
        for layer in (*(layer for block in self.blocks for layer in block), self.prediction, self.normalize):
            layer.build((self.members, None, width))
        self.built = True

    def code(self, x, seen):
        """The last hidden layer of each member, (members, N, width), of rows (N, D) or (members, N, D)."""
        h = ops.concatenate([x * seen, seen], axis=-1)
        h = self.first(h if len(h.shape) == 3 else ops.repeat(ops.expand_dims(h, 0), self.members, axis=0))
        for first, second in self.blocks:
            h = h + second(first(self.normalize(h)))
        return self.normalize(h)

    def surprise(self, x, seen, code=None):
        """-log p of every column given those that are seen, without its constant, and its squared error: (members, N, D)."""
        predicted = self.prediction(self.code(x, seen) if code is None else code)
        mean, log_sigma = ops.split(predicted, 2, axis=-1)
        log_sigma = ops.clip(log_sigma, *_LOG_SIGMA)
        error = ops.square(mean - x)
        return 0.5 * error * ops.exp(-2 * log_sigma) + log_sigma, error

    def call(self, inputs, training=None):
        """The losses of each row (N,), with random masks and noise; `inputs` are the rows and which of their values are present,
        (N, 2 D)."""
        x, present = ops.split(inputs, 2, axis=-1)
        count = ops.shape(x)[0]
        shape = (self.members, count, self.columns)
        rates = self._uniform((self.members, count, 1), _LEAST_HIDDEN, _MOST_HIDDEN)
        chance = self._uniform(shape)
        # The column with the smallest number is hidden as well, so that each row has one.
        hidden = ops.cast(chance <= ops.maximum(rates, ops.min(chance, axis=-1, keepdims=True)), "float32")
        noisy = x + _NOISE * keras.random.normal(shape, seed=self.seed_generator)
        seen = (1 - hidden) * present
        surprise = self.surprise(x, seen, self.code(noisy, seen))[0] * hidden * present
        return ops.mean(ops.sum(surprise, axis=-1) / ops.maximum(ops.sum(hidden * present, axis=-1), 1.0), axis=0)

    def _uniform(self, shape, least=0.0, most=1.0):
        return keras.random.uniform(shape, least, most, dtype="float32", seed=self.seed_generator)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y_pred)
