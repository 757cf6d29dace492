"""The base class of discrete bottlenecks, whose codes consist of a finite number of symbols."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import Bottleneck, flatten


class DiscreteCode(Bottleneck):
    """Base of codes made of vectors of `width` numbers, each identified by an index below `code_count`.

    If the encoder's output is feature maps (N, H, W, C), a 1 x 1 convolution gives one vector per position, code
    (N, H, W, width). If it is a vector, a dense layer gives `groups` vectors, code (N, groups * width).

    Indices are integers (N, *index_shape). `codebook_count` is the number of codebooks along the last axis of the indices: 1 if
    an index has the same meaning at every position.

    A subclass overrides `indices`, `embed`, and `call`.

    Args:
        width: size of a vector.
        code_count: number of symbols.
        groups: number of vectors per code, if the encoder's output is a vector.
    """

    codebook_count = 1

    def __init__(self, width, code_count, groups, **kwargs):
        super().__init__(**kwargs)
        if code_count < 2 or groups < 1 or width < 1:
            got = f"{code_count} codes of {width} numbers in {groups} groups"
            raise ZooError(f"got {got}, expected at least 2 codes of at least 1 number in at least 1 group.")
        if code_count > 2**24:
            # Indices are converted to float32 when they are computed in batches.
            raise ZooError(f"got {code_count} codes, expected at most {2**24}; use fewer levels.")
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
        """(rows, columns) of the indices arranged as a grid; groups of a vector form one row."""
        rows = self.positions[0] if len(self.positions) == 2 else 1
        return rows, int(np.prod(self.index_shape)) // rows

    def vectors(self, h):
        """The encoder's vectors before quantization, (N, *positions, width), float32."""
        h = self.project(h if len(self.positions) == 2 else flatten(h))
        return ops.reshape(ops.cast(h, "float32"), (-1, *self.positions, self.width))

    def indices(self, h):
        """Indices (N, *index_shape), integers, for the encoder's output."""
        raise NotImplementedError

    def embed(self, indices):
        """Vectors (N, *positions, width), float32, for indices (N, *index_shape)."""
        raise NotImplementedError

    def from_indices(self, indices):
        """The code (N, *code_shape) for indices (N, *index_shape)."""
        return self.as_code(self.embed(indices))

    def as_code(self, vectors):
        """Vectors (N, *positions, width) in the shape that the decoder takes, (N, *code_shape)."""
        return ops.reshape(ops.cast(vectors, self.compute_dtype), (-1, *self.code_shape))

    def code(self, h):
        return self.from_indices(self.indices(h))

    def sample_prior(self, n, seed):
        """`n` codes of independent, uniform indices: the prior of the training, which is a weak one. Realistic images require a
        prior fitted to the indices, see `zoo.samplers.pixelcnn`."""
        indices = np.random.default_rng(seed).integers(0, self.code_count, (n, *self.index_shape), dtype=np.int32)
        return np.asarray(ops.convert_to_numpy(ops.cast(self.from_indices(indices), "float32")))


def straight_through(soft, hard):
    """The value of `hard` with the gradient of `soft` (Bengio, Léonard & Courville 2013, arXiv:1308.3432)."""
    return soft + ops.stop_gradient(hard - soft)
