"""Decoders whose code is a sequence of tokens, one for each patch of the output."""

import keras

from zoo.layers.blocks.tokens import unpatchify


class TokenDecoder(keras.layers.Layer):
    """Codes (N, 1 + patches, numbers) to outputs (N, *shape). Subclasses have `embed`, a layer from codes to tokens, and
    `patches`, a method from tokens to patches (N, patches, values per patch).

    Args:
        shape: (height, width, channels) or (length, channels) of the outputs.
        patch_size: height and width, or length, of a patch.
        width: number of features of a token.
    """

    def __init__(self, shape, patch_size, width, **kwargs):
        super().__init__(**kwargs)
        self.shape, self.patch_size, self.width = tuple(shape), patch_size, width

    def compute_output_shape(self, input_shape):
        return input_shape[0], *self.shape

    def call(self, z):
        return unpatchify(self.patches(self.embed(z)), self.shape, self.patch_size)
