"""The images under a folder as a stream."""

import functools

from zoo.data.image_files import Unreadable, read
from zoo.data.image_folder import SUFFIXES
from zoo.data.image_stream import SKIP, ImageStream, unreadable
from zoo.errors import ZooError


class FolderStream(ImageStream):
    """Batches of the images under a folder, sorted by path. Ids are paths relative to the folder.

    Args:
        folder: an `ImageFolder`, as returned by `zoo.data.image_folder.scan`.
        files: the files of it to read, in order; by default all.
        batch_size, image_shape, resize, skip_unreadable: see `ImageStream`.

    Raises:
        ZooError: if there are no images, or if the scan of the folder found something unreadable and it may not be skipped.
    """

    def __init__(self, folder, batch_size, image_shape, resize, skip_unreadable, files=None):
        super().__init__(batch_size, image_shape, resize, skip_unreadable)
        self.folder, self.files = folder, folder.files if files is None else files
        if not self.files:
            others = f" It has {len(folder.others)} other files, such as {folder.others[0]}." if folder.others else ""
            raise ZooError(
                f"the folder {folder.path} contains no images, expected files ending in {', '.join(SUFFIXES)}.{others}"
            )
        bad = next((file for file in self.files if file in folder.unreadable), None)
        if bad is not None and not skip_unreadable:
            # Raised here rather than when the file is reached, which may be after hours.
            if folder.relative(bad).endswith("/"):
                reason = folder.unreadable[bad]
                raise ZooError(f"{bad} cannot be read: {reason}; make it readable, move it away, or skip it: {SKIP}.")
            raise unreadable(bad, folder.unreadable[bad])

    @property
    def total(self):
        """Number of images, including unreadable ones."""
        return len(self.files)

    @property
    def notes(self):
        lines, splits = [], self.folder.splits
        if splits:
            read = sorted({file.relative_to(self.folder.path).parts[0] for file in self.files})
            lines = [f"{self.folder.path} contains the splits {', '.join(splits.values())}; read: {', '.join(read)}"]
        return [*lines, *self.folder.notes(), *super().notes]

    def part(self, start, stop):
        """The stream of the images `start` to `stop` - 1, counted from 0."""
        return FolderStream(
            self.folder,
            self.batch_size,
            self.shape if self.asked else None,
            self.resize,
            self.skip_unreadable,
            self.files[start:stop],
        )

    def _encoded(self):
        # Not with relative_to, which takes a fifth of the time of decoding a small image.
        start, bad = len((self.folder.path / "x").as_posix()) - 1, self.folder.unreadable
        for path in self.files:
            if path in bad:
                yield self.folder.relative(path), path, functools.partial(_refuse, bad[path])
            else:
                yield path.as_posix()[start:], path, functools.partial(read, path)


def _refuse(reason):
    raise Unreadable(reason)
