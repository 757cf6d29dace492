"""Encoded images, from wherever they lie, to batches: decoded in parallel, in order, all of one shape."""

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.data.image_files import Unreadable, decode, resized, with_channels
from zoo.errors import ZooError
from zoo.modalities.image import unit_array
from zoo.utils.devices import processors

# A thread takes so many images at a time: handing over one costs as much as decoding a small one.
_TOGETHER = 8
# Of the range of 16 bits: what stays below it was probably recorded with fewer.
_DARK = 1 / 8


class ImageStream:
    """Batches (ids, images (N, H, W, C)), uint8 0..255, or float32 0..1 for a batch with images of 16 bits a channel.

    Those that cannot be read are refused, or left out and named in `skipped`; `notes` are lines on what else there is to know.
    Both are complete when the last batch has been given.

    A subclass says in `_encoded()` what there is: an id, what errors call it, and a function that gives its bytes or raises
    `Unreadable`; and in `total` how many there are.

    Args:
        batch_size: images at a time.
        image_shape: (height, width, 1 or 3) that images must have; None takes that of the first.
        resize: bring images of other sizes to `image_shape` instead of refusing them.
        skip_unreadable: leave out images that cannot be read instead of refusing them.
    """

    def __init__(self, batch_size, image_shape, resize, skip_unreadable):
        self.batch_size, self.resize, self.skip_unreadable = batch_size, resize, skip_unreadable
        self.skipped, self._seen = [], _Seen()
        self.asked = image_shape is not None
        self.shape = tuple(image_shape) if self.asked else None
        self._first = None
        if resize and self.shape is None:
            raise ZooError("got resize without an image_shape to resize to.")
        if self.shape is not None and (len(self.shape) != 3 or self.shape[-1] not in (1, 3)):
            raise ZooError(f"pictures have 1 or 3 channels, expected inputs of shape {self.shape}; give an array instead.")

    @property
    def notes(self):
        """Lines on how images were read that whoever uses the features should know."""
        return self._seen.lines()

    def __iter__(self) -> Iterator:
        self.skipped, self._seen = [], _Seen()
        decoded = self._decoded()
        while group := list(itertools.islice(decoded, self.batch_size)):
            yield [i for i, _ in group], np.stack(alike([image for _, image in group]))

    def _decoded(self):
        # Pillow's decoders let go of the interpreter's lock, so that threads run them side by side.
        threads = max(2, processors())
        together = max(1, min(_TOGETHER, self.total // (4 * threads)))
        pool = ThreadPoolExecutor(threads)
        try:
            waiting, rest = deque(), self._encoded()
            while True:
                # The first readable image may settle the shape of all.
                ahead, size = (threads + 2, together) if self.shape else (1, 1)
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
                    if self.shape is None:
                        self.shape, self._first = picture.pixels.shape, name
                    yield i, picture.pixels
        finally:
            pool.shutdown(cancel_futures=True)

    def _read_all(self, group):
        """Ids, names, and the pictures or what is wrong with them."""
        return [(i, name, self._read(name, data)) for i, name, data in group]

    def _read(self, name, data):
        """The `Picture`, of the stream's shape once that is known; or the `Unreadable` that says why not."""
        try:
            picture = decode(data())
        except Unreadable as reason:
            return reason
        if self.shape is None:
            return picture
        image = with_channels(picture.pixels, self.shape[-1]) if self.asked else picture.pixels
        if image.shape != self.shape:
            if not self.resize:
                raise self._of_another_shape(name, image.shape)
            image = resized(image, self.shape[:2])
        return picture._replace(pixels=image)

    def _of_another_shape(self, name, shape):
        if self.asked:
            return ZooError(f"{name} has shape {shape}, expected {self.shape}; give --resize to bring all to that size.")
        kinds = {1: "grey", 3: "in colour"}
        differ = shape[-1] != self.shape[-1]
        which = f" ({kinds[shape[-1]]}; the first, {self._first}, is {kinds[self.shape[-1]]})" if differ else ""
        return ZooError(
            f"{name} has shape {shape}{which}, expected {self.shape}; bring all to the shape of the first, or give --resize, "
            "which brings all to the size and channels of the model."
        )


def unreadable(name, reason):
    """The `ZooError` for what cannot be read and is not to be left out."""
    return ZooError(f"{name} is no readable image: {reason}; repair or remove it, or give --skip-unreadable.")


def alike(arrays):
    """Arrays of images of one kind of values: all uint8, or all float32 in 0..1 where some are."""
    return arrays if len({array.dtype for array in arrays}) < 2 else [unit_array(array) for array in arrays]


class _Seen:
    """What was met in the images of a stream."""

    def __init__(self):
        self.transparent, self.deep, self.brightest = 0, 0, 0.0

    def add(self, picture):
        self.transparent += picture.transparent
        if picture.deep:
            self.deep, self.brightest = self.deep + 1, max(self.brightest, picture.brightest)

    def lines(self):
        found = []
        if self.transparent:
            found.append(f"{self.transparent} images have transparent parts, which are shown on white")
        if self.deep and self.brightest < _DARK:
            found.append(
                f"the brightest value of {self.deep} images of 16 bits is {self.brightest * 65535:.0f}; they are read on the "
                "scale 0..65535, hence dark: scale them to it first if they were recorded with fewer bits"
            )
        return found
