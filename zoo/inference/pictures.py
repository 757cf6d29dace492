"""Restoration of pictures as they are in files: of any size, gray or in color, by a model of gray or of color images.

A model of gray images restores the red, green and blue of a color image one after the other; for super-resolution and JPEG
artifacts, it restores the luma, as usual in the literature, and the chroma is enlarged by bicubic interpolation or unchanged. A
model of color images restores a gray image as a color image of three equal channels, and the luma of the result is kept.
"""

import numpy as np

from zoo.data.image_files import with_channels
from zoo.layers.corruptions.holes import HOLE
from zoo.layers.corruptions.jpeg import TO_RGB, TO_YCC
from zoo.models.base.any_size import restored_bands
from zoo.utils import bicubic

# Value of black pixels outside of holes, for a model that sees one channel at a time: less than half of a level.
_ALMOST_BLACK = 0.001


def restored_picture(model, image, watch=None):
    """The restored image, uint8, with the channels of `image`.

    Memory: that of the image, of the result (a byte per value) and of one band of tiles, see `zoo.models.base.any_size`.

    Args:
        model: a `RestoringAutoencoder`.
        image: (H, W, 1 or 3), uint8 0..255 or floats 0..1.
        watch: see `restored_bands`.

    Raises:
        ZooError: if the model has weights that depend on the size of the images.
    """
    made, done = None, 0
    for band in restored_bands(model, image, _rule(model, image.shape[-1]), watch):
        if made is None:
            scale = band.shape[1] // image.shape[1]
            made = np.empty((image.shape[0] * scale, *band.shape[1:]), np.uint8)
        made[done : done + len(band)] = np.round(255 * np.clip(band, 0, 1))
        done += len(band)
    return made


def _rule(model, channels):
    """The function `through` of `restored_bands` for images with this number of channels, or None if it is the model's own."""
    if channels == model.data_shape[-1]:
        return None
    if channels == 1:
        return _as_color
    return _luma if model.restores_luma else _each_channel


def _as_color(restore, part):
    return with_channels(restore(with_channels(part, 3)), 1)


def _each_channel(restore, part):
    hole = np.all(part == HOLE, axis=-1, keepdims=True)
    # Black in one channel is a hole only if the others are black, too.
    seen = np.where(hole, part, np.maximum(part, np.float32(_ALMOST_BLACK)))
    return np.concatenate([restore(seen[..., i : i + 1]) for i in range(part.shape[-1])], axis=-1)


def _luma(restore, part):
    luma, chroma = np.split(part @ np.array(TO_YCC, np.float32).T, [1], axis=-1)
    luma = restore(luma)
    chroma = bicubic.resized(chroma, luma.shape[:2]).astype(np.float32)
    return np.concatenate([luma, chroma], axis=-1) @ np.array(TO_RGB, np.float32).T
