"""Apply a model to large images in overlapping tiles of its input size.

The weight of a tile decreases linearly over the overlap with its neighbors, so that there are no visible seams. For models with
layers that depend on the whole image, such as attention or group normalization, the result is close to that of a model built for
the whole image (`zoo.load(name, input_shape=...)`), but not equal.

Memory: the images and codes, sums of the same size in float32, and the memory of the model for `batch_size` tiles.
"""

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image import check_images
from zoo.utils.batching import apply_in_batches
from zoo.utils.tiles import along


def encode(model, x, overlap=0.25, batch_size=1):
    """Codes (N, h, w, C), float32 numpy, of images (N, H, W, channels) at least as large as the model's.

    Args:
        model: an `Autoencoder` whose codes are feature maps.
        x: images, uint8 0..255 or floats 0..1; the factor between image and code divides H and W.
        overlap: fraction of a tile that overlaps with the next one, at least 0 and below 1.
        batch_size: number of tiles per batch.

    Raises:
        ZooError: if the codes are not feature maps, or images are too small or not a multiple of the factor.
    """
    factor = _factor(model)
    x = np.asarray(x)
    height, width, channels = model.data_shape
    fits = x.ndim == 4 and x.shape[3] == channels and x.shape[1] >= height and x.shape[2] >= width
    if not fits or x.shape[1] % factor or x.shape[2] % factor:
        wanted = f"(N, H, W, {channels}) with H >= {height} and W >= {width}, multiples of {factor}"
        raise ZooError(f"got images of shape {x.shape}, expected {wanted}.")
    x = check_images(x, x.shape[1:])
    tile = model.bottleneck.code_shape
    shape = (x.shape[1] // factor, x.shape[2] // factor)

    def run(places):
        rows = [x[i, a * factor : a * factor + height, b * factor : b * factor + width] for i, a, b in places]
        return apply_in_batches(model, model.code, np.stack(rows), batch_size)

    return _blended(len(x), shape, tile, overlap, batch_size, run, 1, tile[2])


def decode(model, z, overlap=0.25, batch_size=1):
    """Images (N, H, W, channels), float32 0..1, of codes (N, h, w, C) at least as large as the model's; see `encode`."""
    factor = _factor(model)
    z = np.asarray(z, dtype="float32")
    tile = model.bottleneck.code_shape
    if z.ndim != 4 or z.shape[3] != tile[2] or z.shape[1] < tile[0] or z.shape[2] < tile[1]:
        raise ZooError(f"got codes of shape {z.shape}, expected (N, h, w, {tile[2]}) with h >= {tile[0]} and w >= {tile[1]}.")

    def run(places):
        return model.decode(np.stack([z[i, a : a + tile[0], b : b + tile[1]] for i, a, b in places]), batch_size)

    return _blended(len(z), z.shape[1:3], tile, overlap, batch_size, run, factor, model.data_shape[2])


def reconstruct(model, x, overlap=0.25, batch_size=1):
    """Reconstructions, float32 0..1, of images (N, H, W, channels), in the same shape; see `encode`."""
    return decode(model, encode(model, x, overlap, batch_size), overlap, batch_size)


def _factor(model):
    shape, code = model.data_shape, tuple(model.bottleneck.code_shape)
    if len(shape) != 3 or len(code) != 3 or shape[0] % code[0] or shape[0] // code[0] * code[1] != shape[1]:
        raise ZooError(f"{model.name} has codes of shape {code} for images {shape}; tiles need codes that are feature maps.")
    return shape[0] // code[0]


def _blended(count, shape, tile, overlap, batch_size, run, factor, channels):
    """The weighted mean of all tiles. Positions are those in the code; results are `factor` times larger."""
    if not 0 <= overlap < 1:
        raise ZooError(f"got overlap={overlap}, expected a fraction of at least 0 and below 1.")
    axes = [along(size, side, overlap, factor) for size, side in zip(shape, tile)]
    result = np.zeros((count, shape[0] * factor, shape[1] * factor, channels), np.float32)
    total = np.zeros((*result.shape[1:3], 1), np.float32)
    places = [(i, a, b) for i in range(count) for a in axes[0] for b in axes[1]]
    batch_size = min(batch_size, len(places))
    for first in range(0, len(places), batch_size):
        some = places[first : first + batch_size]
        # Padded to the full batch size: tracing the model again takes longer than computing unused tiles.
        filled = some + some[-1:] * (batch_size - len(some))
        for (i, a, b), made in zip(some, run(filled)):
            window = np.s_[a * factor : (a + tile[0]) * factor, b * factor : (b + tile[1]) * factor]
            weight = np.outer(axes[0][a], axes[1][b])[..., None]
            result[i][window] += weight * made
            if i == 0:
                total[window] += weight
    return result / total
