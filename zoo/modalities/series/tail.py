"""The rows that are appended to a file of text, as they are appended."""

import io
import time
from pathlib import Path

from zoo.errors import ZooError
from zoo.utils.distributions import missing_package

# Seconds between two looks at the file.
_PAUSE = 0.2
# Bytes read at a time; a longer line is none of a table.
_CHUNK = 1 << 20


def appended_rows(path, idle=None):
    """Data frames of text with the rows of a .csv or .tsv file, those that are there and those that are appended later.

    Ends after `idle` seconds without a new row; None waits for ever. Memory is constant. An incomplete last line is read once it
    is complete.

    Raises:
        ZooError: if there is no such file, it has no header, or the file becomes shorter.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise ZooError(f"got the source {path}, expected a .csv or .tsv file to follow.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror}.") from None
    header, rest, waited = None, b"", 0.0
    with file:
        while idle is None or waited < idle:
            new = file.read(_CHUNK)
            if not new:
                if path.exists() and path.stat().st_size < file.tell():
                    raise ZooError(f"{path} became shorter while it was followed; start again.")
                time.sleep(_PAUSE)
                waited += _PAUSE
                continue
            waited = 0.0
            lines, found, rest = (rest + new).rpartition(b"\n")
            if not found and len(rest) > _CHUNK:
                raise ZooError(f"{path} has a line of more than {_CHUNK:,} bytes, expected a table of text.")
            text = (lines + found).decode("utf-8-sig" if header is None else "utf-8", "replace")
            if header is None and text.strip():
                header, _, text = text.lstrip().partition("\n")
            if text.strip():
                yield _frame(path, header, text)
    if header is None:
        raise ZooError(f"{path} is empty, expected a header and rows.")


def _frame(path, header, text):
    try:
        import pandas
    except ImportError:
        raise missing_package("following a file", "pandas") from None
    sep = max(",;\t|", key=header.count)
    # A row with too many cells has no values: it must not end the others, nor change their numbers.
    blank = [""] * (header.count(sep) + 1)
    settings = dict(sep=sep, dtype=str, skipinitialspace=True, index_col=False, engine="python", on_bad_lines=lambda cells: blank)
    try:
        return pandas.read_csv(io.StringIO(f"{header}\n{text}"), **settings)
    except (pandas.errors.ParserError, ValueError) as error:
        raise ZooError(f"{path} cannot be read as a table of text: {str(error).strip().splitlines()[0]}.") from None
