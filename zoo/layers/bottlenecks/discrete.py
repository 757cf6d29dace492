"""Discrete bottlenecks: what is common to all codes that are made of a finite number of symbols."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import Bottleneck, flatten


class DiscreteCode(Bottleneck):
    """Base. A code of vectors of `width` numbers, each of which stands for an index below `code_count`.

    An encoder that ends in feature maps (N, H, W, C) gives a grid: a vector at each position, by a 1 x 1 convolution, code
    (N, H, W, width). One that ends in a vector gives `groups` of them, by a dense layer, code (N, groups * width).

    Indices are integers (N, *index_shape). `books` says how many alphabets the last axis of the indices goes through: 1 where
    an index means the same at every place.

    A subclass overrides `indices`, `embed`, and `call`.

    Args:
        width: numbers a vector.
        code_count: symbols a vector is chosen from.
        groups: vectors a code, where the encoder ends in a vector.
    """

    books = 1

    def __init__(self, width, code_count, groups, **kwargs):
        super().__init__(**kwargs)
        if code_count < 2 or groups < 1 or width < 1:
            got = f"{code_count} codes of {width} numbers in {groups} groups"
            raise ZooError(f"got {got}, expected at least 2 codes of at least 1 number in at least 1 group.")
        if code_count > 2**24:
            # Indices travel as float32 where they are computed in batches.
            raise ZooError(f"got {code_count} codes, expected at most {2**24}; take fewer levels.")
        self.width = width
        self.code_count = code_count
        self.groups = groups

    def build(self, input_shape):
        if len(input_shape) == 4:
            self.positions = tuple(input_shape[1:3])
            self.code_shape = (*self.positions, self.width)
            self.project = keras.layers.Conv2D(self.width, 1, data_format="channels_last")
            self.project.build(input_shape)
        else:
            self.positions = (self.groups,)
            self.code_shape = (self.groups * self.width,)
            self.project = keras.layers.Dense(self.groups * self.width)
            self.project.build((None, int(np.prod(input_shape[1:]))))
        self.built = True

    @property
    def index_shape(self):
        """Shape of the indices of one image."""
        return self.positions

    @property
    def grid_shape(self):
        """(rows, columns) of the indices laid out as a grid; groups of a vector are one row."""
        rows = self.positions[0] if len(self.positions) == 2 else 1
        return rows, int(np.prod(self.index_shape)) // rows

    def vectors(self, h):
        """What the encoder says, before it is made discrete: (N, *positions, width), float32."""
        h = self.project(h if len(self.positions) == 2 else flatten(h))
        return ops.reshape(ops.cast(h, "float32"), (-1, *self.positions, self.width))

    def indices(self, h):
        """Integers (N, *index_shape) of what the backbone found."""
        raise NotImplementedError

    def embed(self, indices):
        """Vectors (N, *positions, width), float32, of integers (N, *index_shape)."""
        raise NotImplementedError

    def from_indices(self, indices):
        """The code (N, *code_shape) of integers (N, *index_shape)."""
        return self.as_code(self.embed(indices))

    def as_code(self, vectors):
        """Vectors (N, *positions, width) as the decoder reads them: (N, *code_shape)."""
        return ops.reshape(ops.cast(vectors, self.compute_dtype), (-1, *self.code_shape))

    def code(self, h):
        return self.from_indices(self.indices(h))

    def sample_prior(self, n, seed):
        """`n` codes of independent, uniform indices: the prior that these models are trained with, and a weak one. Images that
        look like something need a prior fitted to the indices, see `zoo.samplers.pixelcnn`."""
        indices = np.random.default_rng(seed).integers(0, self.code_count, (n, *self.index_shape), dtype=np.int32)
        return np.asarray(ops.convert_to_numpy(ops.cast(self.from_indices(indices), "float32")))


def straight_through(soft, hard):
    """`hard` in value, `soft` in gradient (Bengio, Léonard & Courville 2013, arXiv:1308.3432)."""
    return soft + ops.stop_gradient(hard - soft)
