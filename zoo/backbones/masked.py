"""A network that predicts masked patches, normalized per patch, from the tokens of the visible ones."""

import keras
from keras import ops

from zoo.backbones.standardized import StandardizedDecoder, StandardizedEncoder, scales
from zoo.layers.blocks.tokens import patchify


class MaskedEncoder(StandardizedEncoder):
    """Images (N, H, W, C) or series (N, T, C) to (N, 1 + patches, width + 2): the tokens of `net` for all patches, each with
    the mean and the standard deviation of its patch, by which the decoder scales its predictions back.

    Args:
        net: a `ViTEncoder`.
        mean, deviation: see `StandardizedEncoder`.
    """

    def __init__(self, net, mean=None, deviation=None, **kwargs):
        super().__init__(net, mean, deviation, net.patch_size, **kwargs)

    def compute_output_shape(self, input_shape):
        count, tokens, width = self.net.compute_output_shape(input_shape)
        return count, tokens, width + 2

    def call(self, x):
        x = self.image(x)
        scale = ops.cast(ops.concatenate(scales(patchify(x, self.patch_size)), axis=-1), self.compute_dtype)
        return ops.concatenate([self.net(x), ops.pad(scale, ((0, 0), (1, 0), (0, 0)))], axis=-1)

    def maps(self, tokens):
        """See `ViTEncoder.maps`."""
        return self.net.maps(tokens)

    def seen(self, patches, chosen, training=None):
        """Tokens (N, 1 + seen, width) of the patches (N, P, numbers) chosen by `chosen` (N, seen, P); the others are dropped."""
        return self.net.finish(self.net.start(patches, chosen), training)


class MaskedDecoder(StandardizedDecoder):
    """Codes of a `MaskedEncoder` to outputs (N, *shape).

    Args:
        net: a `TokenDecoder`.
        mean, deviation: as for the encoder.
        normalized: whether `net` predicts patches normalized to mean 0 and deviation 1.
    """

    def __init__(self, net, mean=None, deviation=None, normalized=True, **kwargs):
        super().__init__(net, mean, deviation, net.patch_size, net.shape, **kwargs)
        self.normalized = normalized

    def build(self, input_shape):
        self.net.build((*input_shape[:-1], input_shape[-1] - 2))
        self.hidden = self.add_weight(name="hidden", shape=(1, 1, self.net.width), initializer=_small())
        self.built = True

    def call(self, z):
        found = self.net.patches(self.net.embed(z[..., :-2]))
        return self.scaled(found, z[:, 1:, -2:-1], z[:, 1:, -1:])

    def found(self, tokens, chosen, training=None):
        """Predictions of all patches, (N, P, numbers), from the tokens (N, 1 + seen, width) of the visible patches `chosen`."""
        tokens = self.net.embed(tokens)
        lacking = 1 - ops.expand_dims(ops.sum(chosen, axis=1), 2)
        hidden = ops.cast(ops.convert_to_tensor(self.hidden), self.compute_dtype)
        every = ops.matmul(ops.transpose(chosen, (0, 2, 1)), tokens[:, 1:]) + lacking * hidden
        return self.net.patches(ops.concatenate([tokens[:, :1], every], axis=1), training)


def _small():
    return keras.initializers.RandomNormal(stddev=0.02)
