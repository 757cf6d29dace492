"""A gated PixelCNN over the indices of a discrete code (van den Oord et al. 2016, "Conditional image generation with PixelCNN
decoders", arXiv:1606.05328): the prior of van den Oord et al. 2017, arXiv:1711.00937.

log p(k) = Σ_i log p(k_i | k_1, ..., k_(i-1)), positions in raster order
"""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.evaluation.codebook import code_indices
from zoo.layers.math.fast import argmax
from zoo.samplers.network import seeded, train
from zoo.samplers.sampler import Sampler
from zoo.utils.batching import apply_in_batches, compiled

_BATCH = 256


class PixelCNNSampler(Sampler):
    """Models each index given those above and to the left of it; samples them one after another.

    Supports grids of any size; the groups of a vector code are a grid of one row, and the depths of a residual code are adjacent
    columns. After `fit`, `history` contains the loss of each epoch in nats per index.

    Args:
        layers: number of gated layers, each extending the receptive field by two positions to the left and one row up.
        filters: number of feature maps.
        epochs: number of passes over the images' indices.
        batch_size: number of grids per step.
        learning_rate: initial learning rate of Adam; it decreases to zero by a cosine schedule.
        seed: random seed of the initial weights and the order of the grids.
    """

    def __init__(self, layers=8, filters=64, epochs=20, batch_size=64, learning_rate=1e-3, seed=0):
        self.seed = seed
        self.layers = layers
        self.filters = filters
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        for name in ("layers", "filters", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ZooError(f"got {name}={getattr(self, name)}, expected at least 1.")

    def fit_codes(self, model, x):
        indices = code_indices(model, x)
        self.fit_indices(indices.reshape(-1, *model.bottleneck.grid_shape), model.bottleneck.code_count)

    def fit_indices(self, grids, code_count):
        """Fit to integers (N, rows, columns) below `code_count`; returns itself."""
        grids = np.asarray(grids, np.int32)
        with seeded(self.seed):
            self.network = PixelCNNNetwork(grids.shape[1:], code_count, self.layers, self.filters)
            self.network.build((None, *grids.shape[1:]))
        self.history = train(self.network, grids, self, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        self._step = compiled(self.network, self.network.draw_next)
        return self

    def draw(self, n, seed):
        bottleneck = self.model.bottleneck
        indices = self.draw_indices(n, seed).reshape(n, *bottleneck.index_shape)
        return apply_in_batches(self.model, bottleneck.from_indices, indices, _BATCH)

    def draw_indices(self, n, seed):
        """`n` grids of integers (n, rows, columns)."""
        rng = np.random.default_rng(seed)
        rows, columns = self.network.grid_shape
        size = min(n, _BATCH)
        drawn = []
        for _ in range(0, n, size):
            grids = ops.zeros((size, rows, columns), dtype="int32")
            for place in range(rows * columns):
                noise = rng.gumbel(size=(size, self.network.code_count)).astype(np.float32)
                grids = self._step((grids, np.array(place, np.int32), noise))
            drawn.append(ops.convert_to_numpy(grids))
        return np.concatenate(drawn)[:n]


class PixelCNNNetwork(keras.Model):
    """Integers (N, rows, columns) to the logits (N, rows, columns, code_count) of each, given those before it in raster order.

    Two stacks, as in the paper: one covers the rows above, the other the positions to the left and, at each layer, the first
    stack. Instead of masked kernels, both stacks start with the grid shifted by one position and use one-sided padding, which is
    equivalent and avoids multiplications by zero. Each position has a learned embedding, because positions of groups and depths
    have different meanings.
    """

    def __init__(self, grid_shape, code_count, layers, filters, **kwargs):
        super().__init__(**kwargs)
        self.grid_shape = tuple(grid_shape)
        self.code_count = code_count
        self.embedding = keras.layers.Embedding(code_count, filters)
        self.place = keras.layers.Embedding(int(np.prod(grid_shape)), filters)
        self.blocks = [GatedLayer(filters) for _ in range(layers)]
        self.hidden = keras.layers.Dense(filters, activation="relu")
        self.logits = keras.layers.Dense(code_count)

    def build(self, input_shape):
        # Without fixed sizes, because the padding allows any grid.
        maps = (None, None, None, self.embedding.output_dim)
        for layer in (self.embedding, self.place):
            layer.build(input_shape)
        for layer in (*self.blocks, self.hidden, self.logits):
            layer.build(maps)
        self.built = True

    def call(self, grids):
        return self._head(self._states(grids))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # Each grid is its own target, because no position depends on itself.
        return super().compute_loss(x, x if y is None else y, y_pred, sample_weight, training)

    def _states(self, grids):
        x = self.embedding(grids)
        places = ops.reshape(ops.arange(int(np.prod(self.grid_shape)), dtype="int32"), self.grid_shape)
        above = ops.pad(x, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1]
        left = ops.pad(x, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1] + self.place(places)
        for block in self.blocks:
            above, left = block((above, left))
        return left

    def _head(self, states):
        return self.logits(self.hidden(ops.relu(states)))

    def draw_next(self, inputs):
        """(grids, place, noise) -> grids with a new index at `place`: the largest of logits plus Gumbel noise (N, codes)."""
        grids, place, noise = inputs
        flat = ops.reshape(grids, (-1, int(np.prod(self.grid_shape))))
        states = ops.reshape(self._states(grids), (-1, flat.shape[1], self.embedding.output_dim))
        logits = ops.cast(self._head(ops.take(states, place, axis=1)), "float32")
        chosen = ops.cast(argmax(logits + noise), "int32")
        here = ops.arange(flat.shape[1], dtype="int32") == place
        return ops.reshape(ops.where(here, chosen[:, None], flat), (-1, *self.grid_shape))


class GatedLayer(keras.layers.Layer):
    """One layer of both stacks (N, rows, columns, filters): y + tanh(a) σ(b), with kernels of 3 x 3 and 1 x 5, cut in half."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.vertical = keras.layers.Conv2D(2 * filters, (2, 3), data_format="channels_last")
        self.horizontal = keras.layers.Conv2D(2 * filters, (1, 3), data_format="channels_last")
        self.down = keras.layers.Dense(2 * filters)
        self.out = keras.layers.Dense(filters)

    def build(self, input_shape):
        for layer in (self.vertical, self.horizontal, self.out):
            layer.build(input_shape)
        self.down.build((*input_shape[:-1], 2 * input_shape[-1]))
        self.built = True

    def call(self, stacks):
        above, left = stacks
        # The inputs are already shifted by one row in the vertical stack and by one column in the horizontal stack.
        vertical = self.vertical(ops.pad(above, ((0, 0), (1, 0), (1, 1), (0, 0))))
        horizontal = self.horizontal(ops.pad(left, ((0, 0), (0, 0), (2, 0), (0, 0)))) + self.down(vertical)
        return above + _gate(vertical), left + self.out(_gate(horizontal))


def _gate(x):
    a, b = ops.split(x, 2, axis=-1)
    return ops.tanh(a) * ops.sigmoid(b)
