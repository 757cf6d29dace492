"""Scanning of image folders: images, unreadable files, other files, classes and splits."""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp")
# Image formats that are not supported: such files count as unreadable, so that they are reported or skipped by name.
_OTHER_FORMATS = (
    *(".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jpx", ".jxl", ".jxr", ".svg", ".ico", ".psd", ".tga"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".pcx", ".exr", ".hdr", ".dcm", ".dib", ".apng"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
# Folder names of splits.
_SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
_SHOWN = 10


@dataclass(frozen=True)
class ImageFolder:
    """The contents of a folder, without hidden files and folders.

    Attributes:
        path: path of the folder.
        files: paths of all images, sorted, including those of `unreadable`.
        unreadable: mapping of path to the reason why it cannot be read, such as missing permission or a broken link.
        others: relative paths of files that are not images.
        repeated: relative paths of links to folders that are read under another name.
        imageless: relative paths of folders that contain neither images nor folders.
        splits: mapping of "train", "test" and "validation" to folder names; empty if the folder has no splits.
    """

    path: Path
    files: list
    unreadable: dict
    others: list
    repeated: list
    imageless: list
    splits: dict

    def relative(self, path):
        """The id of an image: its path relative to the folder. An unreadable path that may be a folder ends in a slash."""
        text = path.relative_to(self.path).as_posix()
        return f"{text}/" if path in self.unreadable and not is_image_name(path.name) else text

    def class_of(self, image):
        """The class of an image id: the names of its parent folders, without that of the split; "." if there are none."""
        parts = Path(image).parts[bool(self.splits) :]
        return "/".join(parts if image.endswith("/") else parts[:-1]) or "."

    def of_split(self, split):
        """The files of the split "train", "validation" or "test"; all files of a folder without splits.

        Without a "test" folder, "test" means the validation split.

        Raises:
            ZooError: if the folder has splits, but not this one.
        """
        if not self.splits:
            return self.files
        name = self.splits.get("validation" if split == "test" and "test" not in self.splits else split)
        if name is None:
            raise ZooError(f"{self.path} has the splits {', '.join(self.splits.values())}, but none for {split!r}.")
        return [file for file in self.files if file.relative_to(self.path).parts[0] == name]

    def notes(self):
        """Lines about skipped files and folders, besides unreadable images."""
        lines = []
        for names, what in (
            (self.others, "files that are not images"),
            (self.repeated, "links to folders that are read under another name"),
            (self.imageless, "folders without images"),
        ):
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                lines.append(f"skipped {len(names)} {what}: {', '.join(names[:_SHOWN])}{more}")
        return lines


def is_image_name(name):
    """Whether a file name is that of an image, of a supported format or not."""
    return name.lower().endswith(SUFFIXES + _OTHER_FORMATS)


def scan(folder):
    """The `ImageFolder` of a path. Links are followed; every folder is read once, under its real path if that is inside `folder`.

    Raises:
        ZooError: if the folder itself cannot be read.
    """
    folder = Path(folder)
    found = _Scan(folder)
    found.visit(folder)
    while found.links:
        found.visit(found.links.pop(0))
    if folder in found.unreadable:
        raise ZooError(f"the folder {folder} cannot be read: {found.unreadable[folder]}.")
    files = sorted([*found.files, *found.unreadable])
    names = [sorted(path.relative_to(folder).as_posix() for path in part) for part in (found.others, found.repeated)]
    imageless = sorted(f"{path.relative_to(folder).as_posix()}/" for path in found.imageless if path != folder)
    return ImageFolder(folder, files, found.unreadable, *names, imageless, _splits(folder, files))


class _Scan:
    def __init__(self, folder):
        self.files, self.unreadable, self.others, self.repeated, self.imageless = [], {}, [], [], []
        # Links are visited last, so that a folder that is also reached directly gets its real path.
        self.links, self._seen = [], set()

    def visit(self, folder):
        """Record the contents of a folder and its sub-folders."""
        waiting = [folder]
        while waiting:
            place = waiting.pop()
            try:
                status = os.stat(place)
                with contextlib.closing(os.scandir(place)) as listing:
                    entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda e: e.name)
                if not os.access(place, os.X_OK):
                    raise PermissionError(None, "Permission denied")
            except OSError as error:
                self.unreadable[place] = error.strerror or "it cannot be opened"
                continue
            if (status.st_dev, status.st_ino) in self._seen:
                self.repeated.append(place)
                continue
            self._seen.add((status.st_dev, status.st_ino))
            before = len(self.files) + len(self.unreadable)
            inside, links = [], []
            for entry in entries:
                path = Path(place, entry.name)
                mode = self._mode(entry, path)
                if mode is None:
                    continue
                if stat.S_ISDIR(mode):
                    (links if entry.is_symlink() else inside).append(path)
                elif not is_image_name(entry.name):
                    self.others.append(path)
                elif stat.S_ISREG(mode):
                    self.files.append(path)
                else:
                    self.unreadable[path] = "it is not a regular file"
            if not inside and not links and len(self.files) + len(self.unreadable) == before:
                self.imageless.append(place)
            waiting += reversed(inside)
            self.links += links

    def _mode(self, entry, path):
        """The mode of an entry; None if it cannot be read, in which case it is recorded."""
        try:
            if entry.is_file(follow_symlinks=False):
                return stat.S_IFREG
            return os.stat(path).st_mode
        except OSError as error:
            # A broken link without a suffix may have led to the folder of a class.
            if is_image_name(entry.name) or not path.suffix:
                self.unreadable[path] = f"{'broken link: ' if entry.is_symlink() else ''}{error.strerror}"
            else:
                self.others.append(path)
            return None


def _splits(folder, files):
    """Mapping of splits to folder names, if all images are in folders of splits and one is for training; otherwise empty."""
    tops = {file.relative_to(folder).parts[0] for file in files if file.parent != folder}
    kinds = {_SPLITS.get(top.lower()): top for top in tops}
    if None in kinds or "train" not in kinds or len(kinds) < len(tops) or any(file.parent == folder for file in files):
        return {}
    return {kind: kinds[kind] for kind in ("train", "validation", "test") if kind in kinds}
