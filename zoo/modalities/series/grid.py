"""Time stamps: how they are read, the interval between steps, and rows at irregular times as steps of a regular grid."""

import warnings

import numpy as np

from zoo.errors import ZooError, ZooWarning

# Names of columns, in lower case, that contain the time if none is given.
NAMES = ("time", "timestamp", "datetime", "date", "ds")
# Maximum number of steps of the grid per row: with more, nearly all steps would be missing.
_MOST_STEPS = 100


def seconds(column, name="time"):
    """Times as seconds since 1970, float64 (T,), of a `pandas.Series` of dates, texts of dates, or numbers (seconds, unchanged).

    Raises:
        ZooError: if a value is missing or cannot be read.
    """
    import pandas
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype):
        found = column.to_numpy(np.float64, na_value=np.nan)
    else:
        numbers = pandas.to_numeric(column, errors="coerce")
        if not types.is_datetime64_any_dtype(column.dtype) and numbers.notna().all():
            return numbers.to_numpy(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dates = pandas.to_datetime(column, errors="coerce", utc=True)
            if dates.isna().any() and not types.is_datetime64_any_dtype(column.dtype):
                dates = pandas.to_datetime(column, errors="coerce", utc=True, format="mixed")
        nanoseconds = dates.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
        found = np.where(np.isnat(nanoseconds), np.nan, nanoseconds.astype(np.int64) / 1e9)
    unreadable = ~np.isfinite(found)
    if unreadable.any():
        row = int(np.argmax(unreadable))
        raise ZooError(
            f"the time in column {name!r} of row {row + 1} is {column.iloc[row]!r:.60}, expected a date such as 2024-05-31 12:00 "
            "or a number of seconds."
        )
    return found


def interval(times):
    """The usual number of seconds between rows with `times` (T,): the median of the differences that are not 0.

    Raises:
        ZooError: if there are fewer than two different times.
    """
    gaps = np.diff(np.unique(times))
    if not len(gaps):
        raise ZooError(
            "the series has fewer than two different times, so that the interval between its steps is unknown; give rate=."
        )
    return float(np.median(gaps))


def regular(times, values, rate):
    """The means (S, C) of the rows (T, C) around each step of a grid, NaN where there are none, and each row's step (T,).

    The first step is at the earliest of `times` (T,), in seconds, and steps are `rate` seconds apart. Rows may have any order; a
    `ZooWarning` says if they are not in the order of time or repeat times.

    Raises:
        ZooError: if the grid has far more steps than there are rows.
    """
    gaps = np.diff(times)
    if (gaps < 0).any():
        _warn(f"{int((gaps < 0).sum())} rows of the series are earlier than the row before; it is sorted by time.")
    repeated = len(times) - len(np.unique(times))
    if repeated:
        _warn(f"{repeated} rows of the series repeat a time; the rows of one time are averaged.")
    places = np.round((times - times.min()) / rate)
    if places.max() >= max(_MOST_STEPS * len(times), 10_000):
        raise ZooError(
            f"the times of {len(times)} rows span {places.max():,.0f} steps of {rate:g} seconds; correct the times, or give a "
            "larger rate."
        )
    places = places.astype(int)
    return means(places, values, int(places.max()) + 1), places


def means(places, values, steps):
    """The means (steps, C), NaN where there are none, of the known `values` (T, C) of each of `places` (T,)."""
    known = np.isfinite(values)
    total, count = np.zeros((2, steps, values.shape[1]))
    np.add.at(total, places, np.where(known, values, 0.0))
    np.add.at(count, places, known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _warn(message):
    warnings.warn(message, ZooWarning, stacklevel=5)
