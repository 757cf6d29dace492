"""Images of a source on which a quantization is calibrated."""

import itertools

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image import unit_array

# Number of images, and the number of places of the source that they are taken from: folders are often sorted by class.
_COUNT, _PLACES = 256, 32


def calibration_images(stream, check, values):
    """Up to 256 images of a stream, always the same ones: spread evenly over it, or the first ones if it has no parts.

    Args:
        stream: what `zoo.data.sources.stream` returns, or batches (ids, images) that can be read repeatedly.
        check: function that checks a batch as the model requires and returns it as an array.
        values: dtype of the images, "uint8" or "float32".

    Returns:
        An array (N, ...), uint8 0..255 or float32 0..1.

    Raises:
        ZooError: if the stream can be read only once or contains no images.
    """
    batches = getattr(stream, "batches", None)
    if batches is not None and iter(batches) is batches:
        raise ZooError(
            "int8 is calibrated on images of the source, but got an iterator; give what can be read twice: an array, files."
        )
    found, count = [], 0
    for _, images in itertools.chain.from_iterable(_parts(stream)):
        images = check(images)[: _COUNT - count]
        found.append(_converted(images, values))
        count += len(images)
        if count >= _COUNT:
            break
    if not found:
        raise ZooError("the source contains no images.")
    return np.concatenate(found)


def _parts(stream):
    total = getattr(stream, "total", None)
    if not hasattr(stream, "part") or total is None or total <= _COUNT:
        return [stream]
    size = _COUNT // _PLACES
    starts = np.linspace(0, total - size, _PLACES).astype(int).tolist()
    return [stream.part(start, start + size) for start in starts]


def _converted(images, values):
    if values == "float32":
        return unit_array(images)
    return images if images.dtype == np.uint8 else np.round(images * 255).astype(np.uint8)
