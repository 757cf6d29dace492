"""Images and vectors from Parquet: a file, or a folder of files in sorted order, read by row groups with constant memory."""

import copy
import itertools
from collections.abc import Iterator

from zoo.data.image_files import Unreadable
from zoo.data.image_stream import ImageStream
from zoo.errors import ZooError
from zoo.utils.distributions import missing_package

KEYS = ("key", "path", "id", "__index__")


def parquet_files(folder):
    """The .parquet files of a folder (a `pathlib.Path`), sorted, without hidden ones."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() == ".parquet" and p.is_file() and not p.name.startswith("."))


def open_parquet(path, batch_size, image_shape=None, resize=False, skip_unreadable=False):
    """A file or folder as a stream: images if a column has encoded images, otherwise vectors. See `zoo.data.sources.stream`.

    Images are binary values, or structs of `bytes` and `path` as Hugging Face writes them, in a column `image` or in the only
    column of this type. Vectors are in the only column with lists of numbers. Ids are the texts or integers of the first of the
    columns `key`, `path`, `id` and `__index__` that exists, otherwise the numbers of the rows.

    Raises:
        ZooError: if there is no such column or more than one, a file cannot be read, or pyarrow is missing.
    """
    table = _Table(path)
    if table.encoded:
        return ParquetImages(table, batch_size, image_shape, resize, skip_unreadable)
    return ParquetVectors(table, batch_size)


class _Rows:
    """A stream of the rows of a `_Table`."""

    @property
    def total(self):
        """Number of rows."""
        return len(self.table)

    @property
    def borders(self):
        """Indices of the first rows of the row groups."""
        return [place for borders in self.table.borders for place in borders[:-1]]

    def part(self, start, stop):
        """The stream of the rows `start` to `stop` - 1."""
        part = copy.copy(self)
        part.table = self.table.part(start, stop)
        return part


class ParquetImages(_Rows, ImageStream):
    """Batches of the encoded images of a column, decoded in parallel."""

    def __init__(self, table, batch_size, image_shape, resize, skip_unreadable):
        super().__init__(batch_size, image_shape, resize, skip_unreadable)
        self.table, self.files = table, table.files

    def _encoded(self):
        # Few rows at a time: each may be a photograph of several megabytes.
        for names, ids, column in self.table.chunks(16):
            for name, i, value in zip(names, ids, column.to_pylist()):
                yield i, name, lambda value=value: _bytes(value)


def _bytes(value):
    data = value.get("bytes") if isinstance(value, dict) else value
    if data is None:
        raise Unreadable("the row contains no bytes")
    return data


class ParquetVectors(_Rows):
    """Batches (ids, vectors (N, D)) of a column of lists."""

    skipped = notes = ()

    def __init__(self, table, batch_size):
        self.table, self.files, self.batch_size = table, table.files, batch_size

    def __iter__(self) -> Iterator:
        for names, ids, column in self.table.chunks(self.batch_size):
            lengths = [-1 if row is None else row for row in self.table.arrow.compute.list_value_length(column).to_pylist()]
            odd = next((k for k, length in enumerate(lengths) if length < 0 or length != lengths[0]), None)
            if odd is not None:
                came = "no vector" if lengths[odd] < 0 else f"a vector of {lengths[odd]} numbers"
                raise ZooError(f"{names[odd]} contains {came}, expected the same length as in the other rows.")
            yield ids, column.flatten().to_numpy(zero_copy_only=False).reshape(len(ids), -1)


class _Table:
    """The rows `start` to `stop` - 1 of files with the same columns.

    `encoded` says whether `column` contains encoded images; `borders` lists for each file the first row index of each of its row
    groups, counted over all files, and the index after its last row.
    """

    def __init__(self, path):
        try:
            import pyarrow
            import pyarrow.compute
            import pyarrow.parquet
        except ImportError:
            raise missing_package("reading .parquet", "pyarrow") from None
        self.arrow = pyarrow
        self.files = parquet_files(path) if path.is_dir() else [path]
        self.borders, place, found = [], 0, None
        for file in self.files:
            with self._open(file) as opened:
                columns = self._columns(opened.schema_arrow, file)
                if columns != (found or columns):
                    raise ZooError(f"{file} has other columns than {self.files[0]}, expected the same columns in all files.")
                found = columns
                rows = [opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]
            self.borders.append(list(itertools.accumulate(rows, initial=place)))
            place = self.borders[-1][-1]
        self.column, self.encoded, self.key = found
        self.start, self.stop = 0, place
        if not place:
            raise ZooError(f"{path} contains no rows, expected images or vectors.")

    def __len__(self):
        return self.stop - self.start

    def part(self, start, stop):
        part = copy.copy(self)
        part.start, part.stop = self.start + start, min(self.start + stop, self.stop)
        return part

    def chunks(self, size):
        """Yields names for errors, ids, and an Arrow array of the column, for at most `size` rows at a time."""
        columns = [self.column, *([self.key] if self.key else [])]
        for file, borders in zip(self.files, self.borders):
            groups = [g for g in range(len(borders) - 1) if borders[g] < self.stop and borders[g + 1] > self.start]
            if not groups:
                continue
            begin, place = borders[0], borders[groups[0]]
            with self._open(file) as opened:
                batches = opened.iter_batches(size, groups, columns)
                while (batch := self._next(batches, file)) is not None:
                    low, high = max(self.start - place, 0), min(self.stop - place, len(batch))
                    if low < high:
                        part, places = batch.slice(low, high - low), range(place + low, place + high)
                        ids = self._ids(part, places)
                        yield [f"{file}, row {p - begin}," for p in places], ids, part.column(self.column)
                    place += len(batch)
                    if place >= self.stop:
                        break

    def _ids(self, batch, places):
        keys = batch.column(self.key).to_pylist() if self.key else places
        return [str(place if key is None else key) for key, place in zip(keys, places)]

    def _open(self, file):
        try:
            # A small buffer and no read-ahead; otherwise whole row groups are loaded into memory.
            return self.arrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        except (self.arrow.ArrowException, OSError) as error:
            raise _unreadable(file, error) from None

    def _next(self, batches, file):
        try:
            return next(batches, None)
        except (self.arrow.ArrowException, OSError) as error:
            raise _unreadable(file, error) from None

    def _columns(self, schema, file):
        """The column of images or vectors, whether it contains encoded images, and the column of keys or None."""
        types = self.arrow.types

        def numbers(kind):
            listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
            return listed and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))

        def binary(kind):
            if types.is_struct(kind):
                return any(field.name == "bytes" and binary(field.type) for field in kind)
            return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)

        def named(kind):
            return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_integer(kind)

        kinds = {field.name: field.type for field in schema}
        key = next((name for name in KEYS if name in kinds and named(kinds[name])), None)
        for test, encoded in ((binary, True), (numbers, False)):
            found = [name for name, kind in kinds.items() if test(kind)]
            if encoded and "image" in found:
                found = ["image"]
            if len(found) == 1:
                return found[0], encoded, key
            if found:
                wanted = "one, or one called 'image'" if encoded else "one"
                raise ZooError(f"{file} has several columns of images or vectors, {', '.join(found)}, expected {wanted}.")
        raise ZooError(
            f"{file} has the columns {', '.join(kinds) or 'none'}, expected encoded images (binary, or a struct with 'bytes') "
            "or lists of numbers."
        )


def _unreadable(file, error):
    if isinstance(error, OSError) and error.strerror:
        return ZooError(f"{file} cannot be read: {error.strerror}.")
    return ZooError(f"{file} cannot be read: it is not a Parquet file, or it is damaged or incomplete.")
