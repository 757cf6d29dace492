"""Batches of encoded images: decoded in parallel, in order, all of one shape."""

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.data.image_files import Unreadable, decode, with_channels
from zoo.errors import ZooError
from zoo.modalities.image import unit_array
from zoo.utils.devices import processors

# How to skip images, in messages that both commands and functions raise.
SKIP = "--skip-unreadable, in Python skip_unreadable=True"

# Images per task of a thread: submitting a task takes as long as decoding a small image.
_TOGETHER = 8
# Fraction of the 16-bit range below which images were probably recorded with fewer bits.
_DARK = 1 / 8


class ImageStream:
    """Batches (ids, images (N, H, W, C)), uint8 0..255, or float32 0..1 if a batch has images with 16 bits per channel.

    Unreadable images raise ZooError, or are skipped and listed in `skipped`; `notes` are messages about how images were read.
    Both are complete after the last batch.

    A subclass defines `_encoded()`, which yields for each image an id, a name for errors, and a function that returns the bytes
    or raises `Unreadable`; and `total`, the number of images.

    Args:
        batch_size: number of images per batch.
        image_shape: (height, width, 1 or 3) that images must have; None uses the shape of the first.
        resize: resize images of other sizes to `image_shape` instead of raising ZooError.
        skip_unreadable: skip images that cannot be read instead of raising ZooError.

    Raises:
        ZooError: if `resize` is given without `image_shape`, or the shape is not one of images.
    """

    # Whether images keep their own size and number of channels, which a batch of several images cannot.
    own_shapes = False

    def __init__(self, batch_size, image_shape, resize, skip_unreadable):
        self.batch_size, self.resize, self.skip_unreadable = batch_size, resize, skip_unreadable
        self.skipped, self._seen = [], _Statistics()
        self.asked = image_shape is not None
        self.shape = tuple(image_shape) if self.asked else None
        self._first = None
        if resize and self.shape is None:
            raise ZooError("got resize without image_shape, expected the shape to resize to.")
        if self.shape is not None and (len(self.shape) != 3 or self.shape[-1] not in (1, 3)):
            shape = self.shape
            raise ZooError(f"image files have 1 or 3 channels, but inputs have shape {shape}; give an array instead.")

    @property
    def notes(self):
        """Messages about how images were read, for example that transparency was removed."""
        return self._seen.notes()

    def __iter__(self) -> Iterator:
        self.skipped, self._seen = [], _Statistics()
        decoded = self._decoded()
        while group := list(itertools.islice(decoded, self.batch_size)):
            yield [i for i, _ in group], np.stack(same_dtype([image for _, image in group]))

    def _decoded(self):
        # The decoders of Pillow release the interpreter lock, so threads run in parallel.
        threads = max(2, processors())
        together = max(1, min(_TOGETHER, self.total // (4 * threads)))
        pool = ThreadPoolExecutor(threads)
        try:
            waiting, rest = deque(), self._encoded()
            while True:
                # The first readable image may determine the shape of all. Photographs may be large.
                ahead, size = (threads + 2, together) if self.shape else (2 if self.own_shapes else 1, 1)
                while len(waiting) < ahead and (group := list(itertools.islice(rest, size))):
                    waiting.append(pool.submit(self._read_all, group))
                if not waiting:
                    return
                for i, name, picture in waiting.popleft().result():
                    if isinstance(picture, Unreadable):
                        if not self.skip_unreadable:
                            raise unreadable(name, picture)
                        self.skipped.append(i)
                        continue
                    self._seen.add(picture)
                    if self.shape is None and not self.own_shapes:
                        self.shape, self._first = picture.pixels.shape, name
                    yield i, picture.pixels
        finally:
            pool.shutdown(cancel_futures=True)

    def _read_all(self, group):
        """Tuples of id, name, and the `DecodedImage` or the `Unreadable` error."""
        return [(i, name, self._read(name, data)) for i, name, data in group]

    def _read(self, name, data):
        """The `DecodedImage`, of the stream's shape once that is known, or the `Unreadable` error."""
        try:
            picture = decode(data(), self.shape[:2] if self.resize else None)
        except Unreadable as reason:
            return reason
        if self.shape is None:
            return picture
        image = with_channels(picture.pixels, self.shape[-1]) if self.asked else picture.pixels
        if image.shape != self.shape:
            raise self._shape_error(name, image.shape)
        return picture._replace(pixels=image)

    def _shape_error(self, name, shape):
        if self.asked:
            return ZooError(f"{name} has shape {shape}, expected {self.shape}; give --resize to resize all to that size.")
        kinds = {1: "gray", 3: "in color"}
        differ = shape[-1] != self.shape[-1]
        which = f" ({kinds[shape[-1]]}; the first, {self._first}, is {kinds[self.shape[-1]]})" if differ else ""
        return ZooError(
            f"{name} has shape {shape}{which}, expected {self.shape}; convert all images to the shape of the first, or give "
            "--resize, which converts all to the size and channels of the model."
        )


def unreadable(name, reason):
    """The `ZooError` for an image that cannot be read and may not be skipped."""
    return ZooError(f"{name} cannot be read as an image: {reason}; repair, remove or skip it: {SKIP}.")


def same_dtype(arrays):
    """Arrays of images with one dtype: all uint8, or all float32 in 0..1 if some of them are float32."""
    return arrays if len({array.dtype for array in arrays}) < 2 else [unit_array(array) for array in arrays]


class _Statistics:
    """Statistics of the images of a stream, for its notes."""

    def __init__(self):
        self.transparent, self.deep, self.brightest = 0, 0, 0.0

    def add(self, picture):
        self.transparent += picture.transparent
        if picture.deep:
            self.deep, self.brightest = self.deep + 1, max(self.brightest, picture.brightest)

    def notes(self):
        found = []
        if self.transparent:
            found.append(f"{self.transparent} images have transparent parts, which are composited on white")
        if self.deep and self.brightest < _DARK:
            found.append(
                f"the brightest value of {self.deep} images with 16 bits is {self.brightest * 65535:.0f}; they are read on the "
                "scale 0..65535 and therefore dark. If they were recorded with fewer bits, scale them to 0..65535 first"
            )
        return found
