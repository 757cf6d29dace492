"""Responses to a dictionary of patches (Coates & Ng 2011, "The importance of encoding versus training with sparse coding and
vector quantization", ICML)."""

from keras import layers, ops

from zoo.errors import ZooError


def both_halves(x):
    """Maps (..., C) to (..., 2C): their own, then their negatives, so that a rectifier behind loses neither."""
    return ops.concatenate([x, -x], axis=-1)


class PatchDictionary(layers.Layer):
    """(N, H, W, C) -> (N, H, W, 2 * words): by how much every patch's response to a word, or to its negative, passes a threshold.

    The words are weights like others, which `zoo.training.initialization.patches` can take from images.

    Args:
        words: number of words.
        size: height and width of a patch, odd.
        threshold: in units of the responses, which have a deviation of 1 where the words were taken from.
    """

    def __init__(self, words, size=7, threshold=0.5, **kwargs):
        super().__init__(**kwargs)
        if not (isinstance(words, int) and words >= 1):
            raise ZooError(f"got a dictionary of {words!r} words, expected at least 1.")
        self.words = words
        self.size = size
        self.threshold = threshold
        self.responses = layers.Conv2D(words, size, padding="same", data_format="channels_last")

    def build(self, input_shape):
        self.responses.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return *input_shape[:-1], 2 * self.words

    def call(self, x):
        return ops.relu(both_halves(self.responses(x)) - self.threshold)
