"""Responses to a dictionary of patches (Coates & Ng 2011, "The importance of encoding versus training with sparse coding and
vector quantization", ICML)."""

from keras import layers, ops

from zoo.errors import ZooError


def both_halves(x):
    """Maps (..., C) to (..., 2C): the values, then their negatives, so that a ReLU afterwards keeps both signs."""
    return ops.concatenate([x, -x], axis=-1)


class PatchDictionary(layers.Layer):
    """(N, H, W, C) -> (N, H, W, 2 * atoms): by how much the response of a patch to an atom, or its negative, exceeds a threshold.

    The atoms are ordinary weights; `zoo.training.initialization.patches` can initialize them from images.

    Args:
        atoms: number of dictionary atoms.
        size: height and width of a patch, in pixels.
        threshold: in units of the responses, whose standard deviation is 1 on the images that the atoms were computed from.
        padding: "same", or "valid" for responses at the (H - size + 1, W - size + 1) positions of complete patches.
    """

    def __init__(self, atoms, size=7, threshold=0.5, padding="same", **kwargs):
        super().__init__(**kwargs)
        if not (isinstance(atoms, int) and atoms >= 1):
            raise ZooError(f"got a dictionary of {atoms!r} atoms, expected at least 1.")
        self.atoms = atoms
        self.size = size
        self.threshold = threshold
        # For whitened patches of deviation 1, the responses of an untrained dictionary have deviation 1, too.
        common = dict(kernel_initializer="lecun_normal", data_format="channels_last")
        self.responses = layers.Conv2D(atoms, size, padding=padding, **common)

    def build(self, input_shape):
        self.responses.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return *self.responses.compute_output_shape(input_shape)[:-1], 2 * self.atoms

    def call(self, x):
        return self.code(self.responses(x))

    def code(self, responses):
        """Responses (..., atoms) to the code (..., 2 * atoms)."""
        return ops.relu(both_halves(responses) - self.threshold)

    def patches_of(self, patches):
        """The vectors that the atoms are compared with, from patches (P, size * size * C) of the input."""
        return patches
