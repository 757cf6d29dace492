"""Random masks of patches, whose tokens the encoder does not receive (He et al. 2022, arXiv:2111.06377)."""

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError


class PatchMask(keras.layers.Layer):
    """Chooses the visible patches of an input at random.

    Choices are matrices (N, seen, patches) with a single one in each row. The product with a choice selects the visible patches,
    the product with its transpose puts them back, and both have fast gradients on all backends.

    Args:
        ratio: fraction of the patches that is masked.
        patches: number of patches of an input.
    """

    def __init__(self, ratio, patches, **kwargs):
        super().__init__(**kwargs)
        self.patches = patches
        self.set_ratio(ratio)
        self.seed_generator = keras.random.SeedGenerator()

    @property
    def output_shape(self):
        """(None, seen, patches): the shape of the choices for a batch."""
        return (None, self.seen, self.patches)

    def set_ratio(self, ratio):
        """Set the masked fraction, for functions traced after the call. Raises ZooError if all patches or none are masked."""
        seen = round(self.patches * (1 - ratio))
        if not 1 <= seen < self.patches:
            raise ZooError(
                f"ratio={ratio} leaves {seen} of {self.patches} patches visible; expected at least one visible and "
                "one masked patch."
            )
        self.seen = seen

    def call(self, x):
        """Independent choices for the inputs, given patches (N, patches, numbers): (N, seen, patches), float32."""
        shape = (ops.shape(x)[0], self.patches)
        order = ops.argsort(keras.random.uniform(shape, dtype="float32", seed=self.seed_generator), axis=-1)
        return ops.one_hot(order[:, : self.seen], self.patches, dtype="float32")

    def complementary(self):
        """Fixed choices (seen, patches), numpy: each patch is visible in at least one of them and masked in at least one."""
        order = np.random.default_rng(0).permutation(self.patches)
        # The smaller group, visible or masked patches, is different in each choice.
        size = min(self.seen, self.patches - self.seen)
        # The last group overlaps with the one before, so that all groups have the same size.
        parts = [order[min(start, self.patches - size) :][:size] for start in range(0, self.patches, size)]
        shown = parts if size == self.seen else [np.setdiff1d(order, part) for part in parts]
        return [np.eye(self.patches, dtype=np.float32)[places] for places in shown]


class PatchDropout(keras.layers.Layer):
    """Drops a random fraction `rate` of an input's patches in training (Liu et al. 2022, arXiv:2208.07220).

    Tokens (N, 1 + patches, width), with their position embeddings, to (N, 1 + remaining patches, width). The first token, which
    is not a patch, is always kept. Outside training, all tokens are kept.

    Args:
        rate: fraction of the patches, in (0, 1).
        patches: number of patches of an input.
    """

    def __init__(self, rate, patches, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.mask = PatchMask(rate, patches)

    def set_rate(self, rate):
        """Set the dropped fraction, in [0, 1), for functions traced after the call."""
        if rate:
            self.mask.set_ratio(rate)
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


def masked_error(predicted, true, seen, of=ops.square):
    """Mean error over the masked patches of each input, (N,), float32.

    Predicted and true patches are (N, patches, numbers); `seen` (N, patches) is 1 for visible patches. `of` is a function of
    their difference, by default the square.
    """
    error = ops.mean(of(ops.cast(predicted, "float32") - ops.cast(true, "float32")), axis=-1)
    hidden = 1 - ops.cast(seen, "float32")
    return ops.sum(error * hidden, axis=1) / ops.sum(hidden, axis=1)
