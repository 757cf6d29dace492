"""Writers of results, batch by batch: rows to .npz, .npy, .csv or .parquet, images to a folder of PNG files. Files appear only
when they are complete."""

import contextlib
import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.utils.distributions import missing_package
from zoo.utils.files import folder_beside


def open_writer(path, columns="feature"):
    """A writer for the suffix of `path`: a context manager with `write(ids, rows)`, rows (N, D) float32.

    The file appears once it is complete; after an error nothing is left. Ids that are not valid UTF-8 keep their bytes in
    .npz and .csv (surrogate escapes of Python); in Parquet, which requires UTF-8, they are written as `\\xff`.

    Args:
        path: ends in .npz (arrays `ids` and `features`), .npy (only the rows), .csv or .parquet (`id` and a column per value).
        columns: name of the column; several columns are numbered from 0.

    Raises:
        ZooError: if the suffix is unknown, the folder does not exist, or pyarrow is missing for .parquet.
    """
    path = Path(path)
    writers = {".npz": _Npz, ".npy": _Npy, ".csv": _Csv, ".parquet": _Parquet}
    if path.suffix.lower() not in writers:
        raise ZooError(f"got the output {path.name!r}, expected a name ending in {', '.join(writers)}.")
    _check_parent(path)
    if path.is_dir():
        raise ZooError(f"{path} is a folder, expected the name of a file to write.")
    return writers[path.suffix.lower()](path, columns)


def check_apart(source, output, inside=False):
    """Raises ZooError if the output would overwrite the source.

    Args:
        source: path of a folder or file, or the name of a data set.
        output: path of the results.
        inside: whether to reject a place inside the source folder as well, where the output would be read the next time.
    """
    source, output = Path(source).resolve(), Path(output).resolve()
    if not source.exists():  # the name of a data set
        return
    if output == source or (inside and source.is_dir() and source in output.parents):
        place = "inside" if output != source else "the same as"
        raise ZooError(f"the output {output} is {place} the input images; choose another place.")


def _check_parent(path):
    if not path.parent.is_dir():
        raise ZooError(f"there is no folder {path.parent} to write {path.name} to; create it first.")


class _Writer:
    def __init__(self, path, columns):
        self.path, self.columns = path, columns
        self.count, self.width = 0, None

    def __enter__(self):
        with contextlib.ExitStack() as opened, self.reported():
            # A folder, because some formats write more than one temporary file.
            self.temporary = opened.enter_context(folder_beside(self.path)) / f"rows{self.path.suffix}"
            self.begin()
            self._folder = opened.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        complete = kind is None and self.count > 0
        with self._folder, self.reported():
            self.end(complete)
            if complete:
                os.replace(self.temporary, self.path)
        if kind is None and not complete:
            raise ZooError(f"there is nothing to write to {self.path.name}: the source has no rows.")

    @contextlib.contextmanager
    def reported(self):
        """Turn errors of the file system, such as a full disk, into a `ZooError` that names the file."""
        try:
            yield
        except OSError as error:
            raise ZooError(f"cannot write {self.path}: {error.strerror or error}.") from None

    def write(self, ids, rows):
        """Append rows (N, D) and their ids, a list of N texts.

        Raises:
            ZooError: if shapes do not match or the file cannot be written.
        """
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(ids) or self.width not in (None, rows.shape[1]):
            wanted = f"({len(ids)}, {self.width or 'D'})"
            raise ZooError(f"got rows of shape {rows.shape} for {self.path.name}, expected {wanted}, one for each id.")
        with self.reported():
            if self.width is None:
                self.width = rows.shape[1]
                self.first()
            self.append(list(ids), rows)
        self.count += len(rows)

    def names(self):
        """List of the names of the columns."""
        return [self.columns] if self.width == 1 else [f"{self.columns}{i}" for i in range(self.width)]

    def begin(self):
        self.file = self.temporary.open("wb")

    def first(self):
        pass

    def end(self, complete):
        self.file.close()


# Size in bytes of a header that fits any array, so that it can be written last.
_HEADER = 128


def _npy_header(count, width):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {width}), }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", _HEADER - 10) + text.ljust(_HEADER - 11).encode() + b"\n"


class _Npy(_Writer):
    def begin(self):
        super().begin()
        self.file.write(b"\0" * _HEADER)

    def append(self, ids, rows):
        self.file.write(rows.astype("<f4", copy=False).tobytes())

    def end(self, complete):
        if complete:
            self.file.seek(0)
            self.file.write(_npy_header(self.count, self.width))
        self.file.close()


class _Npz(_Npy):
    """Collects the rows in a temporary .npy file, because a member of an archive cannot be changed afterwards."""

    def begin(self):
        self.rows = self.temporary.with_suffix(".npy")
        self.file = self.rows.open("wb")
        self.file.write(b"\0" * _HEADER)
        self.ids = []

    def append(self, ids, rows):
        super().append(ids, rows)
        self.ids += ids

    def end(self, complete):
        super().end(complete)
        if complete:
            with zipfile.ZipFile(self.temporary, "w", allowZip64=True) as archive:
                archive.write(self.rows, "features.npy")
                buffer = io.BytesIO()
                np.save(buffer, np.array(self.ids, dtype=str), allow_pickle=False)
                archive.writestr("ids.npy", buffer.getvalue())


class _Csv(_Writer):
    def begin(self):
        self.file = self.temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape")

    def first(self):
        import csv

        self.csv = csv.writer(self.file)
        self.csv.writerow(["id", *self.names()])

    def append(self, ids, rows):
        # str() of a float32 is the shortest text that reads back as the same number.
        self.csv.writerows([i, *map(str, row)] for i, row in zip(ids, rows))


def _as_text(id):
    """An id as valid UTF-8; Python represents other bytes of file names as lone surrogates."""
    try:
        id.encode()
        return id
    except UnicodeEncodeError:
        return id.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Parquet(_Writer):
    def __init__(self, path, columns):
        super().__init__(path, columns)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise missing_package("writing .parquet", "pyarrow") from None
        self.pyarrow = pyarrow

    def begin(self):
        self.file = None  # opened once the width is known

    def first(self):
        arrow = self.pyarrow
        self.schema = arrow.schema([("id", arrow.string()), *((name, arrow.float32()) for name in self.names())])
        self.file = arrow.parquet.ParquetWriter(self.temporary, self.schema)

    def append(self, ids, rows):
        keys = self.pyarrow.array([_as_text(id) for id in ids], self.pyarrow.string())
        columns = [keys, *(np.ascontiguousarray(c) for c in rows.T)]
        self.file.write_table(self.pyarrow.table(columns, schema=self.schema))

    def end(self, complete):
        if self.file is not None:
            self.file.close()


class ImageFolder:
    """A folder of PNG files: a context manager with `write(images, ids=None)`, images (N, H, W, 1 or 3), floats 0..1 or uint8.

    The files appear when all are written, and replace files of the same names; after an error nothing is left.

    Args:
        path: folder, which is created if it does not exist.

    Raises:
        ZooError: if its parent folder does not exist, `path` is a file, an id is not a relative path inside it, or the disk is
            full.
    """

    def __init__(self, path):
        self.path = Path(path).resolve()
        _check_parent(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise ZooError(f"{self.path} is a file, expected a folder to write images to.")
        self.names = set()

    @property
    def count(self):
        """Number of images written."""
        return len(self.names)

    def __enter__(self):
        self._beside = contextlib.ExitStack()
        with self._reported():
            # Inside the folder if possible: its parent may not be writable.
            self.temporary = self._beside.enter_context(folder_beside(self.path, inside=self.path.is_dir()))
        return self

    def __exit__(self, kind, error, trace):
        with self._beside, self._reported():
            if kind is None and self.count:
                self._publish()
        if kind is None and not self.count:
            raise ZooError(f"there is nothing to write to {self.path}: the source has no images.")

    @contextlib.contextmanager
    def _reported(self):
        try:
            yield
        except OSError as error:
            raise ZooError(f"cannot write to {self.path}: {error.strerror or error}.") from None

    def _publish(self):
        if not self.path.exists():
            self.temporary.rename(self.path)
            return
        for file in sorted(p for p in self.temporary.rglob("*") if p.is_file()):
            place = self.path / file.relative_to(self.temporary)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, place)

    def write(self, images, ids=None):
        """Append images (N, H, W, 1 or 3); `ids` are relative paths, by default five-digit numbers."""
        from zoo.data.image_files import encode_png

        for i, image in enumerate(images):
            if image.dtype != np.uint8:
                image = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
            name = f"{self.count:05d}" if ids is None else ids[i]
            # Other suffixes are kept, because a.jpg and a.bmp are different images.
            name = name if name.lower().endswith(".png") else f"{name}.png"
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ZooError(f"got the id {name!r} for a file of {self.path}, expected a relative path inside it.")
            if name in self.names:
                raise ZooError(f"two images would be written to {name} in {self.path}; give them different names.")
            self.names.add(name)
            path = self.temporary / name
            with self._reported():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_png(image))
