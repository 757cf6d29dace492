"""Encoded pictures, from wherever they lie, to batches: decoded in parallel, in order, all of one shape."""

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.data.image_files import Unreadable, decode, resized, with_channels
from zoo.errors import ZooError
from zoo.utils.devices import processors

# A thread takes so many pictures at a time: handing over one costs as much as decoding a small one.
_TOGETHER = 8


class PictureStream:
    """Batches (ids, images (N, H, W, C) uint8); those that cannot be decoded are refused, or left out and named in `skipped`.

    A subclass says in `_encoded()` what there is: an id, what errors call it, and a function that gives its bytes or raises
    `Unreadable`.

    Args:
        batch_size: images at a time.
        image_shape: (height, width, 1 or 3) that pictures must have; None takes that of the first.
        resize: bring pictures of other sizes to `image_shape` instead of refusing them.
        skip_unreadable: leave out pictures that cannot be decoded instead of refusing them.
    """

    def __init__(self, batch_size, image_shape, resize, skip_unreadable):
        self.batch_size, self.resize, self.skip_unreadable = batch_size, resize, skip_unreadable
        self.skipped = []
        self.asked = image_shape is not None
        self.shape = tuple(image_shape) if self.asked else None
        if resize and self.shape is None:
            raise ZooError("got resize without an image_shape to resize to.")
        if self.shape is not None and (len(self.shape) != 3 or self.shape[-1] not in (1, 3)):
            raise ZooError(f"pictures have 1 or 3 channels, expected inputs of shape {self.shape}; give an array instead.")

    def __iter__(self) -> Iterator:
        self.skipped = []
        decoded = self._decoded()
        while group := list(itertools.islice(decoded, self.batch_size)):
            yield [i for i, _ in group], np.stack([image for _, image in group])

    def _decoded(self):
        # Pillow's decoders let go of the interpreter's lock, so that threads run them side by side.
        threads = max(2, processors())
        together = max(1, min(_TOGETHER, len(self) // (4 * threads)))
        pool = ThreadPoolExecutor(threads)
        try:
            waiting, rest = deque(), self._encoded()
            while True:
                # The first readable picture may settle the shape of all.
                ahead, size = (threads + 2, together) if self.shape else (1, 1)
                while len(waiting) < ahead and (group := list(itertools.islice(rest, size))):
                    waiting.append(pool.submit(self._read_all, group))
                if not waiting:
                    return
                for i, name, image in waiting.popleft().result():
                    if isinstance(image, Unreadable):
                        if not self.skip_unreadable:
                            raise ZooError(f"{name} is no readable image: {image}; mend it, or give --skip-unreadable.")
                        self.skipped.append(i)
                        continue
                    self.shape = self.shape or image.shape
                    yield i, image
        finally:
            pool.shutdown(cancel_futures=True)

    def _read_all(self, group):
        """Ids, names, and pictures or what is wrong with them."""
        return [(i, name, self._read(name, data)) for i, name, data in group]

    def _read(self, name, data):
        """The picture (H, W, C), uint8, of the stream's shape once that is known; or the `Unreadable` that says why not."""
        try:
            image = decode(data())
        except Unreadable as reason:
            return reason
        if self.shape is None:
            return image
        if self.asked:
            image = with_channels(image, self.shape[-1])
        if image.shape == self.shape:
            return image
        if not self.resize:
            do = "give --resize to bring all to that size" if self.asked else "bring all to the shape of the first"
            raise ZooError(f"{name} has shape {image.shape}, expected {self.shape}; {do}.")
        return resized(image, self.shape[:2])
