"""A codebook learned by moving averages of the vectors it represents (van den Oord et al. 2017, arXiv:1711.00937, A.1)."""

import keras
from keras import ops

from zoo.layers.math.fast import argmin
from zoo.layers.state import add_state

# A code is dead if it is used less than this fraction of its use under uniform use of all codes.
_DEAD = 0.03
_LLOYD_STEPS = 10


class Codebook(keras.layers.Layer):
    """`codes` vectors of `size` numbers, float32 under any dtype policy; they receive no gradient.

    With n_i vectors of a batch nearest to code e_i, whose sum is s_i:

        N_i <- γ N_i + (1 - γ) n_i        e_i <- (γ N_i e_i + (1 - γ) s_i) / (γ N_i + (1 - γ) n_i)

    which is the paper's m_i / N_i without a second table m_i = N_i e_i.

    It is initialized by k-means on the first batch, because with random initial codes most of them stay unused. Dead codes are
    replaced by vectors of the batch, with the count of uniform use (Dhariwal et al. 2020, "Jukebox", arXiv:2005.00341).

    Args:
        codes: number of codes.
        size: size of a code.
        decay: γ, per training step.
    """

    def __init__(self, codes, size, decay, **kwargs):
        super().__init__(**kwargs)
        self.codes = codes
        self.size = size
        self.decay = decay
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape=None):
        self.embeddings = add_state(self, "embeddings", (self.codes, self.size), "random_normal")
        # All zero until the first training step.
        self.counts = add_state(self, "counts", (self.codes,))
        self.built = True

    def nearest(self, x):
        """Index (M,) of the nearest code for each of the vectors (M, size)."""
        return nearest(x, ops.convert_to_tensor(self.embeddings))

    def embed(self, indices):
        """Codes (..., size) of integers (...)."""
        return ops.take(ops.convert_to_tensor(self.embeddings), indices, axis=0)

    def start(self, x):
        """Initialize by k-means on the vectors (M, size), in the first call; later calls do nothing."""
        x = ops.stop_gradient(x)
        rows = self._rows(x)
        embeddings, counts = ops.convert_to_tensor(self.embeddings), ops.convert_to_tensor(self.counts)
        embeddings, counts = ops.cond(ops.sum(counts) > 0, lambda: (embeddings, counts), lambda: _k_means(x, rows))
        self.embeddings.assign(embeddings)
        self.counts.assign(counts)

    def update(self, x, indices):
        """One step of the averages with vectors (M, size) and their codes (M,); replaces dead codes."""
        x = ops.stop_gradient(x)
        old, counts = ops.convert_to_tensor(self.embeddings), ops.convert_to_tensor(self.counts)
        found, sums = _tally(x, indices, self.codes)
        counts = self.decay * counts + (1 - self.decay) * found
        # Written as a step from the old code, so that a code without vectors stays the same, bit for bit.
        step = (1 - self.decay) * (sums - found[:, None] * old) / ops.maximum(counts, 1e-12)[:, None]
        fair = ops.cast(ops.shape(x)[0], "float32") / self.codes
        dead = counts < _DEAD * fair
        self.embeddings.assign(ops.where(dead[:, None], self._rows(x), old + step))
        self.counts.assign(ops.where(dead, fair * ops.ones_like(counts), counts))

    def _rows(self, x):
        """A vector of the batch for each code, each from a separate section of the batch."""
        u = ops.arange(self.codes, dtype="float32") + keras.random.uniform((self.codes,), seed=self.seed_generator)
        count = ops.shape(x)[0]
        rows = ops.cast(ops.floor(u * (ops.cast(count, "float32") / self.codes)), "int32")
        return ops.take(x, ops.minimum(rows, count - 1), axis=0)


def nearest(x, embeddings):
    """Index (M,) of the row of `embeddings` (K, D) nearest to each of the vectors (M, D)."""
    # ||x||² is the same for all codes; without it, one matrix product is enough, and no (M, codes, size) tensor is needed.
    # The factor is applied to the table, which is smaller than the product; the squares are added like a bias in the same pass.
    return argmin(ops.add(ops.matmul(x, ops.transpose(-2 * embeddings)), ops.sum(ops.square(embeddings), axis=-1)))


def _tally(x, indices, codes):
    """For vectors (M, size) and their indices: the number of vectors of each code, (codes,), and their sums, (codes, size)."""
    found = ops.segment_sum(ops.ones_like(x[:, 0]), indices, num_segments=codes)
    return found, ops.segment_sum(x, indices, num_segments=codes)


def _k_means(x, centers):
    """Centers after some steps of Lloyd's algorithm, and the number of vectors of each. A center without vectors stays."""

    def step(_, state):
        centers, _ = state
        found, sums = _tally(x, nearest(x, centers), centers.shape[0])
        moved = sums / ops.maximum(found, 1.0)[:, None]
        return ops.where(found[:, None] > 0, moved, centers), found

    return ops.fori_loop(0, _LLOYD_STEPS, step, (centers, ops.zeros_like(centers[:, 0])))
