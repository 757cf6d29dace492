"""The images under a folder as a stream."""

import functools

from zoo.data.image_files import Unreadable, read
from zoo.data.image_folder import SUFFIXES
from zoo.data.image_stream import ImageStream, unreadable
from zoo.errors import ZooError


class FolderStream(ImageStream):
    """Batches of the images under a folder, sorted by path. Ids are paths relative to the folder.

    Args:
        folder: an `ImageFolder`, see `zoo.data.image_folder.scan`.
        files: those of it that are read, in their order; by default all.
        batch_size, image_shape, resize, skip_unreadable: see `ImageStream`.

    Raises:
        ZooError: when there are no images, or something under the folder is known already to be unreadable.
    """

    def __init__(self, folder, batch_size, image_shape, resize, skip_unreadable, files=None):
        super().__init__(batch_size, image_shape, resize, skip_unreadable)
        self.folder, self.files = folder, folder.files if files is None else files
        if not self.files:
            others = f" It holds {len(folder.others)} other files, such as {folder.others[0]}." if folder.others else ""
            raise ZooError(f"the folder {folder.path} holds no images, expected files ending in {', '.join(SUFFIXES)}.{others}")
        bad = next((file for file in self.files if file in folder.unreadable), None)
        if bad is not None and not skip_unreadable:
            # Now, and not after hours of reading what comes before it.
            if folder.relative(bad).endswith("/"):
                reason = folder.unreadable[bad]
                raise ZooError(f"{bad} cannot be read: {reason}; make it readable, move it away, or give --skip-unreadable.")
            raise unreadable(bad, folder.unreadable[bad])

    @property
    def total(self):
        """Number of images, those that cannot be read among them."""
        return len(self.files)

    @property
    def notes(self):
        lines, splits = [], self.folder.splits
        if splits:
            read = sorted({file.relative_to(self.folder.path).parts[0] for file in self.files})
            lines = [f"{self.folder.path} comes in splits, {', '.join(splits.values())}; read: {', '.join(read)}"]
        return [*lines, *self.folder.notes(), *super().notes]

    def part(self, start, stop):
        """The stream of the images from number `start` to before `stop`."""
        return FolderStream(
            self.folder,
            self.batch_size,
            self.shape if self.asked else None,
            self.resize,
            self.skip_unreadable,
            self.files[start:stop],
        )

    def _encoded(self):
        # Not by relative_to, which takes a fifth of the time that a small image does.
        start, bad = len((self.folder.path / "x").as_posix()) - 1, self.folder.unreadable
        for path in self.files:
            if path in bad:
                yield self.folder.relative(path), path, functools.partial(_refuse, bad[path])
            else:
                yield path.as_posix()[start:], path, functools.partial(read, path)


def _refuse(reason):
    raise Unreadable(reason)
