"""Random masks of patches, whose tokens the encoder never sees (He et al. 2022, arXiv:2111.06377)."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError


class PatchMask(keras.layers.Layer):
    """Chooses which patches of an input are seen.

    Choices are matrices (N, seen, patches) with a single one in every row: a product with one picks the patches that are seen,
    a product with its transpose puts them back, and both have gradients that are fast everywhere.

    Args:
        ratio: share of the patches that is hidden.
        patches: of an input.
    """

    def __init__(self, ratio, patches, **kwargs):
        super().__init__(**kwargs)
        self.patches = patches
        self.hide(ratio)
        self.seed_generator = keras.random.SeedGenerator()

    @property
    def output_shape(self):
        """(None, seen, patches): the shape of the choices for a batch."""
        return (None, self.seen, self.patches)

    def hide(self, ratio):
        """Hide this share from now on, in what is traced after."""
        seen = round(self.patches * (1 - ratio))
        if not 1 <= seen < self.patches:
            raise ZooError(f"got a ratio of {ratio}, which leaves {seen} of {self.patches} patches; expected some, and not all.")
        self.seen = seen

    def call(self, x):
        """Choices for patches (N, patches, numbers), each input its own: (N, seen, patches), float32."""
        shape = (ops.shape(x)[0], self.patches)
        order = ops.argsort(keras.random.uniform(shape, dtype="float32", seed=self.seed_generator), axis=-1)
        return ops.one_hot(order[:, : self.seen], self.patches, dtype="float32")

    def complementary(self):
        """Choices (seen, patches), numpy, always the same, which between them show every patch, and hide every patch."""
        order = np.random.default_rng(0).permutation(self.patches)
        # The fewer, those seen or those hidden, are others in every choice.
        size = min(self.seen, self.patches - self.seen)
        # The last ones share patches with those before, so that all choices have as many.
        parts = [order[min(start, self.patches - size) :][:size] for start in range(0, self.patches, size)]
        shown = parts if size == self.seen else [np.setdiff1d(order, part) for part in parts]
        return [np.eye(self.patches, dtype=np.float32)[places] for places in shown]


class PatchDropout(keras.layers.Layer):
    """Leaves out a share `rate` of an input's patches in training, others every time (Liu et al. 2022, arXiv:2208.07220).

    Tokens (N, 1 + patches, width), with their positions in them, to (N, 1 + those that are left, width); the first, which
    belongs to no patch, stays. Out of training all stay.

    Args:
        rate: share of the patches, in (0, 1).
        patches: of an input.
    """

    def __init__(self, rate, patches, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.mask = PatchMask(rate, patches)

    def leave_out(self, rate):
        """Leave out this share from now on, in [0, 1), in what is traced after."""
        if rate:
            self.mask.hide(rate)
        self.rate = rate

    def build(self, input_shape):
        self.mask.build(input_shape)
        self.built = True

    def call(self, tokens, training=None):
        if not training or not self.rate:
            return tokens
        first, patches = ops.split(tokens, [1], axis=1)
        chosen = ops.cast(self.mask(patches), tokens.dtype)
        return ops.concatenate([first, ops.matmul(chosen, patches)], axis=1)


def hidden_error(predicted, true, seen):
    """Mean squared error over the patches of each input that were hidden, (N,), float32.

    Predicted and true patches are (N, patches, numbers); `seen` (N, patches) is 1 where the encoder saw a patch.
    """
    error = ops.mean(ops.square(ops.cast(predicted, "float32") - ops.cast(true, "float32")), axis=-1)
    hidden = 1 - ops.cast(seen, "float32")
    return ops.sum(error * hidden, axis=1) / ops.sum(hidden, axis=1)
