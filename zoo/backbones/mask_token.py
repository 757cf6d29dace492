"""A network that predicts masked pixels from maps in which a learned token has replaced the masked places."""

import keras
from keras import ops

from zoo.backbones.standardized import StandardizedDecoder, StandardizedEncoder
from zoo.layers.blocks.tokens import at_size, grid_of, patchify, unpatchify


class MaskTokenEncoder(StandardizedEncoder):
    """Images (N, H, W, C) to the maps of `net`. Masked places are not dropped, but replaced by a learned token.

    Args:
        net: a `SwinEncoder`.
        mean, deviation, patch_size: see `StandardizedEncoder`.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.shape, self.units = tuple(input_shape[1:]), grid_of(input_shape[1:], self.patch_size)
        width = self.net.start(keras.KerasTensor(input_shape)).shape[-1]
        self.hidden = self.add_weight(
            name="hidden", shape=(1, 1, 1, width), initializer=keras.initializers.TruncatedNormal(stddev=0.02)
        )

    def compute_output_shape(self, input_shape):
        return self.net.compute_output_shape(input_shape)

    def call(self, x):
        return self.net(self.image(x))

    def seen(self, patches, chosen, training=None):
        """Maps (N, rows, columns, D) of the patches (N, P, numbers) chosen by `chosen` (N, seen, P) and of hidden places."""
        maps = self.net.start(unpatchify(patches, self.shape, self.patch_size))
        visible = at_size(ops.reshape(ops.sum(chosen, axis=1), (-1, *self.units, 1)), maps)
        hidden = ops.cast(ops.convert_to_tensor(self.hidden), maps.dtype)
        return self.net.finish(maps * visible + hidden * (1 - visible))


class MaskTokenDecoder(StandardizedDecoder):
    """Maps of a `MaskTokenEncoder` to outputs (N, *shape).

    Args:
        net: a layer from maps to standardized images.
        mean, deviation, patch_size, shape: see `StandardizedDecoder`.
    """

    def build(self, input_shape):
        self.net.build(input_shape)
        self.built = True

    def call(self, z):
        return self.image(self.found(z, None))

    def found(self, maps, chosen, training=None):
        """Predictions of all patches, (N, P, numbers), from the encoder's maps (N, rows, columns, D)."""
        return patchify(self.net(maps), self.patch_size)
