"""Rows of numbers to a file, batch by batch: .npz, .npy, .csv or .parquet, whole or not at all."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np

from zoo.errors import ZooError


def open_writer(path, columns="feature"):
    """A writer for the suffix of `path`: a context manager with `write(ids, rows)`, rows (N, D) float32.

    The file appears under its name once all is written; after an error nothing is left.

    Args:
        path: ends in .npz (arrays `ids` and `features`), .npy (the rows alone), .csv or .parquet (a column of ids and one a number).
        columns: name of the columns; of several, a number follows it.
    """
    path = Path(path)
    writers = {".npz": _Npz, ".npy": _Npy, ".csv": _Csv, ".parquet": _Parquet}
    if path.suffix not in writers:
        raise ZooError(f"got the output {path.name!r}, expected a name ending in {', '.join(writers)}.")
    if not path.parent.is_dir():
        raise ZooError(f"there is no folder {path.parent} to write {path.name} to.")
    if path.is_dir():
        raise ZooError(f"{path} is a folder, expected the name of a file to write.")
    return writers[path.suffix](path, columns)


class _Writer:
    def __init__(self, path, columns):
        self.path, self.columns = path, columns
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self.count, self.width = 0, None

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None and self.width is None:
                raise ZooError(f"there is nothing to write to {self.path.name}: the source gave no rows.")
            self.end(complete=kind is None)
            if kind is None:
                os.replace(self.temporary, self.path)
        finally:
            self.temporary.unlink(missing_ok=True)

    def write(self, ids, rows):
        """Append rows (N, D) and their ids."""
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        if self.width is None:
            self.width = rows.shape[1]
            self.first()
        self.append(list(ids), rows)
        self.count += len(rows)

    def names(self):
        """Names of the columns."""
        return [self.columns] if self.width == 1 else [f"{self.columns}{i}" for i in range(self.width)]

    def begin(self):
        self.file = open(self.temporary, "wb")

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
        self.rows = self.temporary.with_suffix(".rows")
        self.file = open(self.rows, "wb")
        self.file.write(b"\0" * _HEADER)
        self.ids = []

    def append(self, ids, rows):
        super().append(ids, rows)
        self.ids += ids

    def end(self, complete):
        try:
            super().end(complete)
            if complete:
                with zipfile.ZipFile(self.temporary, "w", allowZip64=True) as archive:
                    archive.write(self.rows, "features.npy")
                    buffer = io.BytesIO()
                    np.save(buffer, np.array(self.ids, dtype=str), allow_pickle=False)
                    archive.writestr("ids.npy", buffer.getvalue())
        finally:
            self.rows.unlink(missing_ok=True)


class _Csv(_Writer):
    def begin(self):
        self.file = open(self.temporary, "w", newline="", encoding="utf-8")

    def first(self):
        import csv

        self.csv = csv.writer(self.file)
        self.csv.writerow(["id", *self.names()])

    def append(self, ids, rows):
        # str() of a float32 is the shortest text that reads back as the same number.
        self.csv.writerows([i, *map(str, row)] for i, row in zip(ids, rows))


class _Parquet(_Writer):
    def begin(self):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise ZooError("writing .parquet needs the extra 'parquet': pip install 'autoencoder-zoo[parquet]'") from None
        self.pyarrow, self.file = pyarrow, None

    def first(self):
        arrow = self.pyarrow
        self.schema = arrow.schema([("id", arrow.string()), *((name, arrow.float32()) for name in self.names())])
        self.file = arrow.parquet.ParquetWriter(self.temporary, self.schema)

    def append(self, ids, rows):
        columns = [self.pyarrow.array(ids, self.pyarrow.string()), *(np.ascontiguousarray(c) for c in rows.T)]
        self.file.write_table(self.pyarrow.table(columns, schema=self.schema))

    def end(self, complete):
        if self.file is not None:
            self.file.close()
