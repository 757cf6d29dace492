"""Results to disk, batch by batch, whole or not at all: rows to .npz, .npy, .csv or .parquet, images to a folder of PNG files."""

import contextlib
import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.utils.files import folder_beside


def open_writer(path, columns="feature"):
    """A writer for the suffix of `path`: a context manager with `write(ids, rows)`, rows (N, D) float32.

    The file appears under its name once all is written; after an error nothing is left. Of names of files that are no
    UTF-8, .npz and .csv keep the bytes (Python's surrogate escapes); Parquet takes UTF-8 alone and gets them as `\\xff`.

    Args:
        path: ends in .npz (arrays `ids` and `features`), .npy (the rows alone), .csv or .parquet (a column `id`, one a number).
        columns: name of the columns; of several, a number follows it.

    Raises:
        ZooError: on another suffix, a missing folder, and for .parquet without pyarrow.
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
    """Stop, with a `ZooError`, before results are written over what they are made of.

    Args:
        source: a folder, a file, an address or a name.
        output: where results go.
        inside: whether a folder in the source will not do either: where what is written would be read the next time.
    """
    source, output = Path(source).resolve(), Path(output).resolve()
    if not source.exists():  # the name of a data set
        return
    if output == source or (inside and source.is_dir() and source in output.parents):
        raise ZooError(f"the output {output} lies {'in' if output != source else 'on'} the images; choose another place.")


def _check_parent(path):
    if not path.parent.is_dir():
        raise ZooError(f"there is no folder {path.parent} to write {path.name} to; make it first.")


class _Writer:
    def __init__(self, path, columns):
        self.path, self.columns = path, columns
        self.count, self.width = 0, None

    def __enter__(self):
        with contextlib.ExitStack() as opened, self.reported():
            # A folder, for some formats gather what they write in more than one file.
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
            raise ZooError(f"there is nothing to write to {self.path.name}: the source gave no rows.")

    @contextlib.contextmanager
    def reported(self):
        """What the file system refuses, such as a full disk, is a `ZooError` that names the file."""
        try:
            yield
        except OSError as error:
            raise ZooError(f"cannot write {self.path}: {error.strerror or error}.") from None

    def write(self, ids, rows):
        """Append rows (N, D) and their ids."""
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
        """Names of the columns."""
        return [self.columns] if self.width == 1 else [f"{self.columns}{i}" for i in range(self.width)]

    def begin(self):
        self.file = self.temporary.open("wb")

    def first(self):
        pass

    def end(self, complete):
        self.file.close()


# Room for the header of any size of array, so that it can be written last.
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
    """The rows are gathered in a .npy beside it, because a member of an archive cannot be patched."""

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
    """An id as UTF-8 can hold it: Python keeps other bytes of file names as lone surrogates."""
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
            raise ZooError("writing .parquet needs the extra 'parquet': pip install 'autoencoder-zoo[parquet]'") from None
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
    """A folder of PNG files: a context manager with `write(images, ids=None)`, images (N, H, W, 1 or 3), float 0..1 or uint8.

    The files appear once all are written, in the place of files of the same names; after an error nothing is left.

    Args:
        path: of the folder, made where there is none.

    Raises:
        ZooError: when the folder that it would be in is missing, a file is in its place, or an id leads out of it.
    """

    def __init__(self, path):
        self.path = Path(path).resolve()
        _check_parent(self.path)
        if self.path.exists() and not self.path.is_dir():
            raise ZooError(f"{self.path} is a file, expected a folder to write images to.")
        self.names = set()

    @property
    def count(self):
        """Images written."""
        return len(self.names)

    def __enter__(self):
        self._beside = contextlib.ExitStack()
        with self._reported():
            # Inside where that is possible: the folder above may be closed to us.
            self.temporary = self._beside.enter_context(folder_beside(self.path, inside=self.path.is_dir()))
        return self

    def __exit__(self, kind, error, trace):
        with self._beside, self._reported():
            if kind is None and self.count:
                self._publish()
        if kind is None and not self.count:
            raise ZooError(f"there is nothing to write to {self.path}: the source gave no images.")

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
        """Append images; each is called after its id, a relative path, or by its number."""
        from zoo.data.image_files import encode_png

        for i, image in enumerate(images):
            if image.dtype != np.uint8:
                image = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
            name = f"{self.count:05d}" if ids is None else ids[i]
            # Another suffix stays: a.jpg and a.bmp are two images.
            name = name if name.lower().endswith(".png") else f"{name}.png"
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ZooError(f"got the id {name!r} for a file of {self.path}, expected a relative path inside it.")
            if name in self.names:
                raise ZooError(f"got two images that would both be {name} in {self.path}; give them names of their own.")
            self.names.add(name)
            path = self.temporary / name
            with self._reported():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_png(image))
