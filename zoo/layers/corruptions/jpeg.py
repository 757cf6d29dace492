"""JPEG compression of images, whose artifacts a network learns to remove, inside the graph and on any backend.

The steps are those of libjpeg, which Pillow uses: luma and chroma (JFIF), chroma at half of the resolution (4:2:0), discrete
cosine transform of blocks of 8 x 8 pixels, rounding to multiples of the quantization tables (ITU-T T.81, annex K, scaled by the
quality), and back, with a triangular filter for the chroma. Nothing is lost in the entropy coding, which is left out. The result
differs from that of a file by less than half a level of 255 on average, because libjpeg's transform is in integers.
"""

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.corruptions.corruption import Corruption
from zoo.modalities.image import image_file_shape
from zoo.utils.numbers import is_whole

_BLOCK = 8
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
# Of (R, G, B) to (Y, Cb - 128, Cr - 128), and back.
TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
TO_RGB = ((1, 0, 1.402), (1, -0.344136286, -0.714136286), (1, 1.772, 0))


class JPEG(Corruption):
    """Compresses images (N, H, W, 1 or 3) in 0..1 as JPEG files, and decodes them, in training only.

    Args:
        level: quality, an integer 1..100, or a range (least, beyond) to sample each image's integer quality from, `beyond`
            excluded.
    """

    def corrupt(self, x):
        steps = self._steps(x)
        pixels = ops.round(255 * ops.clip(ops.cast(x, "float32"), 0.0, 1.0))
        if x.shape[-1] == 1:
            return ops.cast(_coded(pixels, steps(_LUMA)) / 255, x.dtype)
        height, width = x.shape[1:3]
        luma, chroma = ops.split(_matrix(pixels, TO_YCC), [1], axis=-1)
        small = _halved(_padded(ops.round(chroma + 128), 2))
        large = _doubled(_coded(small, steps(_CHROMA)))[:, :height, :width]
        made = ops.concatenate([_coded(ops.round(luma), steps(_LUMA)), large - 128], axis=-1)
        return ops.cast(ops.clip(ops.round(_matrix(made, TO_RGB)), 0, 255) / 255, x.dtype)

    def levels(self, x):
        """The quality of each image, integers as float32: a number or (N, 1, 1, 1)."""
        return ops.floor(super().levels(x)) if isinstance(self.level, tuple) else self.level

    def _steps(self, x):
        """Function of a table to the steps (64,) or (N, 1, 64) by which the coefficients of a block are quantized."""
        quality = ops.convert_to_tensor(self.levels(x), dtype="float32")
        percent = ops.floor(ops.where(quality < 50, 5000 / quality, 200 - 2 * quality))

        def steps(table):
            table = ops.convert_to_tensor(np.array(table, np.float32).reshape(_BLOCK**2))
            scale = ops.reshape(percent, (-1, 1, 1)) if len(percent.shape) else percent
            return ops.clip(ops.floor((table * scale + 50) / 100), 1, 255)

        return steps


def jpeg(quality, input_shape):
    """The `JPEG` layer for images (height, width, 1 or 3) and a `quality`, an integer 1..100 or (least, most), both included."""
    span = tuple(quality) if isinstance(quality, (tuple, list)) else (quality, quality)
    if len(span) != 2 or not all(map(is_whole, span)) or not 1 <= span[0] <= span[1] <= 100:
        raise ZooError(f"got a JPEG quality of {quality}, expected an integer from 1 to 100, or a pair (least, most) of these.")
    if image_file_shape(input_shape) is None:
        raise ZooError(f"got inputs of shape {tuple(input_shape)}, expected images (height, width, 1 or 3) to compress as JPEG.")
    return JPEG((span[0], span[1] + 1) if isinstance(quality, (tuple, list)) else quality)


def _matrix(pixels, rows):
    return ops.matmul(pixels, ops.transpose(ops.convert_to_tensor(np.array(rows, np.float32))))


def _cosines():
    """The discrete cosine transform of 8 values as an orthogonal matrix."""
    k = np.arange(_BLOCK)
    matrix = np.cos(np.pi * (2 * k + 1) * k[:, None] / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def _coded(planes, steps):
    """Planes (N, H, W, C), integers 0..255, after quantization of their blocks."""
    height, width, channels = planes.shape[1:]
    whole = _padded(planes, _BLOCK)
    rows, columns = (side // _BLOCK for side in whole.shape[1:3])
    cosines = ops.convert_to_tensor(_cosines())
    blocks = ops.reshape(whole - 128, (-1, rows, _BLOCK, columns, _BLOCK, channels))
    found = ops.einsum("kh,lw,nrhcwd->nrcdkl", cosines, cosines, blocks)
    # Of three axes, because TensorFlow does not broadcast more than five.
    found = ops.reshape(found, (-1, rows * columns * channels, _BLOCK**2))
    # Halves are rounded away from zero; with steps of even length, they are frequent.
    found = ops.sign(found) * ops.floor(ops.abs(found) / steps + 0.5) * steps
    found = ops.reshape(found, (-1, rows, columns, channels, _BLOCK, _BLOCK))
    found = ops.reshape(ops.einsum("kh,lw,nrcdkl->nrhcwd", cosines, cosines, found), (-1, *whole.shape[1:]))
    return ops.clip(ops.round(found + 128), 0, 255)[:, :height, :width]


def _padded(planes, multiple):
    """Planes whose last row and column are repeated up to a multiple of pixels, as libjpeg does."""
    for axis in (1, 2):
        lacking = -planes.shape[axis] % multiple
        if lacking:
            last = ops.take(planes, [planes.shape[axis] - 1], axis=axis)
            planes = ops.concatenate([planes, ops.repeat(last, lacking, axis=axis)], axis=axis)
    return planes


def _halved(planes):
    """Means of 2 x 2 pixels; halves are rounded up and down in turn, from column to column."""
    height, width, channels = planes.shape[1:]
    sums = ops.sum(ops.reshape(planes, (-1, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))
    bias = ops.reshape(1 + ops.arange(width // 2, dtype="float32") % 2, (1, 1, -1, 1))
    return ops.floor((sums + bias) / 4)


def _doubled(planes):
    """Planes of twice the size: of the four nearest values, three quarters and a quarter along each axis."""
    height, width, channels = planes.shape[1:]
    tall = ops.reshape(ops.stack(_with_neighbors(planes, 1), axis=2), (-1, 2 * height, width, channels))
    even, odd = _with_neighbors(tall, 2)
    wide = ops.stack([ops.floor((even + 8) / 16), ops.floor((odd + 7) / 16)], axis=3)
    return ops.reshape(wide, (-1, 2 * height, 2 * width, channels))


def _with_neighbors(x, axis):
    """Three times each value plus its neighbor before, and after, along an axis."""
    count = x.shape[axis]
    first, last = ops.take(x, [0], axis=axis), ops.take(x, [count - 1], axis=axis)
    body = [slice(None)] * len(x.shape)
    upper, lower = list(body), list(body)
    upper[axis], lower[axis] = slice(0, count - 1), slice(1, count)
    before = ops.concatenate([first, x[tuple(upper)]], axis=axis)
    after = ops.concatenate([x[tuple(lower)], last], axis=axis)
    return 3 * x + before, 3 * x + after
