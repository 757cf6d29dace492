"""Files of tables: .csv, .tsv, .parquet, .npy and .npz, read in chunks and written row by row."""

import contextlib
import csv
import io
import os
from pathlib import Path

import numpy as np

from zoo.data import sources
from zoo.errors import ZooError, suggest
from zoo.modalities.table import frames
from zoo.utils.distributions import missing_package
from zoo.utils.files import folder_beside

_TEXT, _ARRAYS = (".csv", ".tsv", ".txt"), (".npy", ".npz")
SUFFIXES = (*_TEXT, ".parquet", *_ARRAYS)
# What stands for a missing value in text, besides an empty cell and the words that pandas knows.
_MISSING = ("?",)
_HEAD = 1 << 16


def is_path(source):
    """Whether a source is the path of a file, and not a table in memory."""
    return isinstance(source, (str, os.PathLike))


def open_stream(source, batch_size, ids=None):
    """Batches (ids, data frame or array) of a file, in order, with constant memory.

    Args:
        source: path of a file with one of the `SUFFIXES`; text may begin with a byte-order mark, and have commas, semicolons,
            tabs or bars between cells.
        batch_size: number of rows per batch.
        ids: name of the column that identifies rows; without it, or in a file that lacks it, ids are the numbers of the rows.

    Raises:
        ZooError: if there is no such file, or it is empty, has no rows, repeats names, or cannot be read.
    """
    path = check_path(source)
    if path.suffix.lower() in _ARRAYS:
        return sources.stream(path, batch_size, None)
    return _FrameStream(path, batch_size, ids)


def is_table(source):
    """Whether a source is a file that only tables are written to; arrays and Parquet may also contain images."""
    return is_path(source) and Path(source).suffix.lower() in (*_TEXT, ".parquet")


def check_path(source):
    """The path of a file of a table. Raises ZooError if its suffix is unknown or there is no such file."""
    path = Path(source)
    if path.suffix.lower() not in SUFFIXES:
        raise ZooError(f"got the source {source}, expected the table of a file ending in {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise ZooError(f"there is no file {path}.")
    return path


def whole(stream, source, check, labels=None):
    """The `zoo.data.sources.Data` of all raw arrays that `check` makes of the batches of a stream; `labels` is the column of the
    classes, or None. Raises ZooError if there is no such column, or it has fewer than two values or missing ones."""
    ids, arrays, found = [], [], []
    for names, batch in stream:
        ids += names
        arrays.append(check(batch))
        if labels is not None:
            if labels not in getattr(batch, "columns", ()):
                raise ZooError(f"{source} has no column {labels!r} with classes.{suggest(labels, getattr(batch, 'columns', ()))}")
            found += batch[labels].tolist()
    name = Path(source).stem
    if labels is None:
        return sources.Data(np.concatenate(arrays), None, ids, name, "")
    missing = sum(value is None or value != value for value in found)
    if missing:
        raise ZooError(f"the column {labels!r} of {source} lacks {missing} of {len(found)} classes; remove these rows.")
    classes, numbers = np.unique([str(value) for value in found], return_inverse=True)
    if len(classes) < 2:
        raise ZooError(f"the column {labels!r} of {source} has the single class {classes[0]!r}, expected two or more.")
    return sources.Data(np.concatenate(arrays), numbers, ids, name, "", classes.tolist())


def sample(source, count, seed=0):
    """At most `count` rows of a file, as one data frame or array, in their order; chosen at random from all rows."""
    rng, kept, seen = np.random.default_rng(seed), [], 0
    for _, batch in open_stream(source, 50_000):
        # Each row gets a random number; the rows with the smallest ones are the sample.
        kept.append((batch, rng.random(len(batch))))
        seen += len(batch)
        if sum(len(keys) for _, keys in kept) > 2 * count:
            kept = [_smallest(kept, count)]
    return _smallest(kept, count)[0]


def _smallest(parts, count):
    keys = np.concatenate([keys for _, keys in parts])
    batches = [batch for batch, _ in parts]
    if isinstance(batches[0], np.ndarray):
        whole = np.concatenate(batches)
    else:
        import pandas

        whole = pandas.concat(batches, ignore_index=True)
    if len(keys) <= count:
        return whole, keys
    chosen = np.sort(np.argpartition(keys, count)[:count])
    return (whole[chosen] if isinstance(whole, np.ndarray) else whole.iloc[chosen].reset_index(drop=True)), keys[chosen]


class _FrameStream:
    """Batches of a .csv, .tsv or .parquet file."""

    skipped = notes = ()

    def __init__(self, path, batch_size, ids):
        self.path, self.batch_size, self.ids = path, batch_size, ids
        try:
            import pandas  # noqa: F401, whose absence is reported before reading
        except ImportError:
            raise missing_package(f"reading {path.suffix}", "pandas") from None
        if path.suffix.lower() == ".parquet":
            try:
                import pyarrow.parquet
            except ImportError:
                raise missing_package("reading .parquet", "pyarrow") from None
            try:
                self._file = pyarrow.parquet.ParquetFile(path)
            except (OSError, pyarrow.ArrowException) as error:
                raise ZooError(f"{path} cannot be read as Parquet: {_first_line(error)}.") from None
            self.total = self._file.metadata.num_rows
            if not self.total:
                raise ZooError(f"{path} contains no rows.")
        else:
            self.total, self._settings = None, _dialect(path)

    def __iter__(self):
        start = 0
        for frame in self._parquet() if self.total is not None else self._text():
            frame = frames.frame_of(frame)
            ids = frame[self.ids] if self.ids in frame.columns else range(start, start + len(frame))
            yield [str(i) for i in ids], frame
            start += len(frame)
        if not start:
            raise ZooError(f"{self.path} contains a header and no rows.")

    def _parquet(self):
        import pyarrow

        try:
            for batch in self._file.iter_batches(self.batch_size):
                yield batch.to_pandas()
        except (OSError, pyarrow.ArrowException) as error:
            raise ZooError(f"{self.path} cannot be read as Parquet: {_first_line(error)}.") from None

    def _text(self):
        import pandas

        # All cells as text: the type that pandas would choose for a column could change between the chunks.
        options = dict(dtype=str, chunksize=self.batch_size, na_values=_MISSING, skipinitialspace=True, low_memory=False)
        try:
            with pandas.read_csv(self.path, **self._settings, **options) as chunks:
                for chunk in chunks:
                    yield self._decimals(chunk)
        except (pandas.errors.ParserError, UnicodeDecodeError, ValueError) as error:
            raise ZooError(f"{self.path} cannot be read as a table of text: {_first_line(error)}.") from None

    def _decimals(self, chunk):
        """The chunk with points in its numbers: where semicolons separate cells, decimals have commas."""
        if self._settings["sep"] != ";":
            return chunk
        return chunk.apply(lambda cells: cells.str.replace(r"^\s*([+-]?\d+),(\d+)\s*$", r"\1.\2", regex=True))


def _first_line(error):
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")[:160]


def _dialect(path):
    """The settings of `pandas.read_csv` for a file of text. Raises ZooError if it is empty or its header is not valid."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror}.") from None
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = head.decode(encoding, "ignore")
        path.open(encoding=encoding).readline()
    except UnicodeDecodeError:
        encoding, text = "latin-1", head.decode("latin-1")
    if not text.strip() or "\0" in text:
        raise ZooError(f"{path} {'is empty' if not text.strip() else 'is not text'}, expected a header and rows.")
    line = next(line for line in text.splitlines() if line.strip())
    sep = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=line.count)
    # The header may be longer than what was read.
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        first = "\n"
        while first and not first.strip():
            first = file.readline()
        names = [name.strip() for name in next(csv.reader(io.StringIO(first), delimiter=sep, skipinitialspace=True))]
    repeated = sorted({name for name in names if name and names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise ZooError(f"{path} has several columns called {repeated[0]!r}, expected a name of its own for each; rename them.")
    return dict(sep=sep, encoding=encoding, encoding_errors="replace")


class FrameWriter:
    """Writes data frames batch by batch to a .csv or .parquet file, which appears once it is complete.

    A context manager with `write(frame, ids)`; the ids are the first column, "id" if the frame has no such column. Raises
    ZooError if the suffix is unknown, the folder does not exist, or the file cannot be written.
    """

    def __init__(self, path):
        self.path, self.count = Path(path), 0
        if self.path.suffix.lower() not in (".csv", ".parquet"):
            raise ZooError(f"got the output {self.path.name!r}, expected a name ending in .csv or .parquet for a table.")
        if not self.path.parent.is_dir():
            raise ZooError(f"there is no folder {self.path.parent} to write {self.path.name} to; create it first.")
        if self.path.is_dir():
            raise ZooError(f"{self.path} is a folder, expected the name of a file to write.")

    def __enter__(self):
        self._opened = contextlib.ExitStack()
        with self._reported():
            self._temporary = self._opened.enter_context(folder_beside(self.path)) / f"rows{self.path.suffix}"
        self._file = None
        return self

    def __exit__(self, kind, error, trace):
        with self._opened, self._reported():
            if self._file is not None:
                self._file.close()
            if kind is None and self.count:
                os.replace(self._temporary, self.path)
        if kind is None and not self.count:
            raise ZooError(f"there is nothing to write to {self.path.name}: the source has no rows.")

    @contextlib.contextmanager
    def _reported(self):
        try:
            yield
        except OSError as error:
            raise ZooError(f"cannot write {self.path}: {error.strerror or error}.") from None

    def write(self, frame, ids):
        """Append the rows of a `pandas.DataFrame`, with a list of their ids."""
        if "id" not in frame.columns:
            frame = frame.copy()
            frame.insert(0, "id", range(self.count, self.count + len(frame)) if ids is None else ids)
        with self._reported():
            if self.path.suffix.lower() == ".csv":
                if self._file is None:
                    self._file = self._temporary.open("w", newline="", encoding="utf-8")
                frame.to_csv(self._file, index=False, header=self.count == 0)
            else:
                self._write_parquet(frame)
        self.count += len(frame)

    def _write_parquet(self, frame):
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise missing_package("writing .parquet", "pyarrow") from None
        if self._file is None:
            self._schema = pyarrow.Schema.from_pandas(frame, preserve_index=False)
            self._file = pyarrow.parquet.ParquetWriter(self._temporary, self._schema)
        self._file.write_table(pyarrow.Table.from_pandas(frame, schema=self._schema, preserve_index=False))
