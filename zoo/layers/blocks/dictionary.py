"""A dictionary applied to patches with mean and contrast normalized (Coates, Lee & Ng 2011, "An analysis of single-layer
networks in unsupervised feature learning", AISTATS), thresholded (Coates & Ng 2011, "The importance of encoding versus training
with sparse coding and vector quantization", ICML), and the inverse map from its code to an image."""

import numpy as np
from keras import layers, ops

from zoo.errors import ZooError

# Added to the variance of a patch, against division by zero: the paper's 10 for pixels in 0..255.
_VARIANCE = 10 / 255**2


def normalized(patches):
    """For patches (P, D): (patch - mean) / contrast (P, D), the means (P, 1) and the contrasts (P, 1)."""
    mean = patches.mean(axis=1, keepdims=True)
    contrast = np.sqrt(patches.var(axis=1, keepdims=True) + _VARIANCE)
    return (patches - mean) / contrast, mean, contrast


class PatchDictionary(layers.Layer):
    """(N, H, W, C) -> (N, H - size + 1, W - size + 1, 2 * atoms + 2): the code of every patch, then its mean and its contrast.

    The response of a patch p to an atom d with the bias b is d·(p - mean(p)) / contrast(p) + b, with
    contrast(p)² = var(p) + 10 / 255². The code is by how much the responses to each atom and to its negative exceed a threshold.

    The atoms are ordinary weights; `zoo.training.initialization.patches` computes them from images.

    Args:
        atoms: number of dictionary atoms.
        size: height and width of a patch, in pixels.
        threshold: in units of the responses, whose standard deviation is 1 on the images that the atoms were computed from.
    """

    def __init__(self, atoms, size=6, threshold=0.5, **kwargs):
        super().__init__(**kwargs)
        if not (isinstance(atoms, int) and atoms >= 1):
            raise ZooError(f"got a dictionary of {atoms!r} atoms, expected at least 1.")
        self.atoms = atoms
        self.size = size
        self.threshold = threshold
        # For whitened patches of deviation 1, the responses of an untrained dictionary have deviation 1, too.
        self.responses = layers.Conv2D(atoms, size, kernel_initializer="lecun_normal", data_format="channels_last")

    def build(self, input_shape):
        self.responses.build(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return *self.responses.compute_output_shape(input_shape)[:-1], 2 * self.atoms + 2

    def call(self, x):
        mean, contrast = self._moments(ops.cast(x, "float32"))
        mean, contrast = (ops.cast(moment, self.compute_dtype) for moment in (mean, contrast))
        # With a kernel of mean zero, the mean of the patch has no effect on the response.
        kernel = ops.convert_to_tensor(self.responses.kernel)
        kernel = ops.cast(kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True), self.compute_dtype)
        responses = ops.conv(x, kernel, padding="valid", data_format="channels_last") / contrast
        code = self.code(responses + ops.cast(self.responses.bias, self.compute_dtype))
        return ops.concatenate([code, mean, contrast], axis=-1)

    def code(self, responses):
        """Responses (..., atoms) to the code (..., 2 * atoms)."""
        return ops.relu(ops.concatenate([responses, -responses], axis=-1) - self.threshold)

    def _moments(self, x):
        def over_patches(values):
            gray = ops.mean(values, axis=-1, keepdims=True)
            return ops.average_pool(gray, self.size, strides=1, padding="valid", data_format="channels_last")

        # Centered at mid-gray, because the difference of two large squares loses digits.
        shifted = x - 0.5
        mean = over_patches(shifted)
        variance = ops.maximum(over_patches(ops.square(shifted)) - ops.square(mean), 0.0)
        return mean + 0.5, ops.sqrt(variance + _VARIANCE)


class PatchesToImage(layers.Layer):
    """The code of every patch (N, H', W', 2 * atoms + 2) to an image (N, H' + size - 1, W' + size - 1, channels).

    A patch is mean + contrast * (W code + b); where patches overlap, the image is their average.

    Args:
        size: height and width of a patch, in pixels.
        channels: number of channels of the image.
    """

    def __init__(self, size, channels, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.channels = channels
        self.patch = layers.Dense(size * size * channels)

    def build(self, input_shape):
        self.patch.build((*input_shape[:-1], input_shape[-1] - 2))
        self.built = True

    def compute_output_shape(self, input_shape):
        n, height, width, _ = input_shape
        return n, height + self.size - 1, width + self.size - 1, self.channels

    def call(self, z):
        code, mean, contrast = z[..., :-2], z[..., -2:-1], z[..., -1:]
        patches = mean + contrast * self.patch(code)
        height, width = z.shape[1:3]
        total = 0.0
        # One iteration per pixel of a patch, for all patches at once: a patch has few pixels, an image many patches.
        for row in range(self.size):
            for column in range(self.size):
                first = (row * self.size + column) * self.channels
                margins = [(0, 0), (row, self.size - 1 - row), (column, self.size - 1 - column), (0, 0)]
                total = total + ops.pad(patches[..., first : first + self.channels], margins)
        return total / ops.convert_to_tensor(self._cover(height, width), total.dtype)

    def _cover(self, height, width):
        """The number of patches that cover each pixel, (1, H, W, 1)."""
        rows, columns = (np.convolve(np.ones(n), np.ones(self.size)) for n in (height, width))
        return np.outer(rows, columns)[None, :, :, None].astype("float32")
