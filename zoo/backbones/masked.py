"""A vision transformer that predicts masked patches, normalized per patch, from the visible ones."""

import keras
import numpy as np
from keras import ops

from zoo.layers.blocks.backbone import BackboneWrapper
from zoo.layers.blocks.tokens import patchify, unpatchify

_EPSILON = 1e-6


class MaskedEncoder(BackboneWrapper):
    """Images (N, H, W, C) or series (N, T, C) to (N, 1 + patches, width + 2): the tokens of `net` for all patches, each with
    the mean and the standard deviation of its patch, by which the decoder scales its predictions back.

    Args:
        net: a `ViTEncoder`.
        mean, deviation: one number per channel, for the standardization of the images; None for no standardization.
    """

    def __init__(self, net, mean=None, deviation=None, **kwargs):
        super().__init__(net, **kwargs)
        self.mean, self.deviation = mean, deviation

    def compute_output_shape(self, input_shape):
        count, tokens, width = self.net.compute_output_shape(input_shape)
        return count, tokens, width + 2

    def image(self, x):
        if self.mean is None:
            return x
        mean, deviation = (ops.cast(np.asarray(numbers), x.dtype) for numbers in (self.mean, self.deviation))
        return (x - mean) / deviation

    def patches(self, x):
        """Patches (N, P, numbers) of images or series, as inputs of `net`."""
        return patchify(self.image(x), self.net.patch_size)

    def call(self, x):
        x = self.image(x)
        scale = ops.cast(ops.concatenate(scales(patchify(x, self.net.patch_size)), axis=-1), self.compute_dtype)
        return ops.concatenate([self.net(x), ops.pad(scale, ((0, 0), (1, 0), (0, 0)))], axis=-1)

    def maps(self, tokens):
        """See `ViTEncoder.maps`."""
        return self.net.maps(tokens)

    def seen(self, patches, chosen, training=None):
        """Tokens (N, 1 + seen, width) of the patches (N, P, numbers) chosen by `chosen` (N, seen, P); the others are dropped."""
        return self.net.finish(self.net.start(patches, chosen), training)


class MaskedDecoder(keras.layers.Layer):
    """Codes of a `MaskedEncoder` to outputs (N, *shape).

    Args:
        net: a `ViTDecoder`.
        mean, deviation: as for the encoder.
        normalized: whether `net` predicts patches normalized to mean 0 and deviation 1.
    """

    def __init__(self, net, mean=None, deviation=None, normalized=True, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        self.mean, self.deviation, self.normalized = mean, deviation, normalized

    def build(self, input_shape):
        self.net.build((*input_shape[:-1], input_shape[-1] - 2))
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.hidden = self.add_weight(name="hidden", shape=(1, 1, self.net.width), initializer=small)
        self.built = True

    def compute_output_shape(self, input_shape):
        return self.net.compute_output_shape(input_shape)

    def call(self, z):
        found = self.net.patches(self.net.embed(z[..., :-2]))
        return self.scaled(found, z[:, 1:, -2:-1], z[:, 1:, -1:])

    def scaled(self, found, mean, deviation):
        """The outputs (N, *shape) from predicted patches (N, P, numbers)."""
        return self.image(self.as_patches(found, mean, deviation))

    def as_patches(self, found, mean, deviation):
        """Patches as the encoder takes them, from predicted ones and the mean and deviation of the true ones."""
        return found * deviation + mean if self.normalized else found

    def target(self, patches):
        """What `net` should predict, float32, of patches (N, P, numbers)."""
        mean, deviation = scales(patches)
        patches = ops.cast(patches, "float32")
        return (patches - mean) / deviation if self.normalized else patches

    def image(self, patches):
        """Images or series (N, *shape) from patches as the encoder takes them."""
        x = unpatchify(patches, self.net.shape, self.net.patch_size)
        if self.mean is None:
            return x
        mean, deviation = (ops.cast(np.asarray(numbers), x.dtype) for numbers in (self.mean, self.deviation))
        return x * deviation + mean

    def found(self, tokens, chosen, training=None):
        """Predictions of all patches, (N, P, numbers), from the tokens (N, 1 + seen, width) of the visible patches `chosen`."""
        tokens = self.net.embed(tokens)
        lacking = 1 - ops.expand_dims(ops.sum(chosen, axis=1), 2)
        hidden = ops.cast(ops.convert_to_tensor(self.hidden), self.compute_dtype)
        every = ops.matmul(ops.transpose(chosen, (0, 2, 1)), tokens[:, 1:]) + lacking * hidden
        return self.net.patches(ops.concatenate([tokens[:, :1], every], axis=1), training)


def scales(patches):
    """Mean and deviation, (N, P, 1) float32, of patches (N, P, numbers)."""
    patches = ops.cast(patches, "float32")
    mean = ops.mean(patches, axis=-1, keepdims=True)
    return mean, ops.sqrt(ops.mean(ops.square(patches - mean), axis=-1, keepdims=True) + _EPSILON)
