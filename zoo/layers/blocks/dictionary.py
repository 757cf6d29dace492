"""Responses to a dictionary of patches (Coates & Ng 2011, "The importance of encoding versus training with sparse coding and
vector quantization", ICML)."""

from keras import layers, ops

from zoo.errors import ZooError


def both_halves(x):
    """Maps (..., C) to (..., 2C): their own, then their negatives, so that a rectifier behind loses neither."""
    return ops.concatenate([x, -x], axis=-1)


class PatchDictionary(layers.Layer):
    """(N, H, W, C) -> (N, H, W, 2 * atoms): by how much a patch's response to an atom, or to its negative, passes a threshold.

    The atoms are weights like others, which `zoo.training.initialization.patches` can take from images.

    Args:
        atoms: number of dictionary atoms.
        size: height and width of a patch, in pixels.
        threshold: in units of the responses, which have a deviation of 1 where the atoms were taken from.
        padding: "same", or "valid" for responses at (H - size + 1, W - size + 1) places, those of whole patches.
    """

    def __init__(self, atoms, size=7, threshold=0.5, padding="same", **kwargs):
        super().__init__(**kwargs)
        if not (isinstance(atoms, int) and atoms >= 1):
            raise ZooError(f"got a dictionary of {atoms!r} atoms, expected at least 1.")
        self.atoms = atoms
        self.size = size
        self.threshold = threshold
        # Of white patches of deviation 1 the responses of a fresh dictionary have one, too.
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
        """What the atoms are compared with, of patches (P, size * size * C) of the input."""
        return patches
