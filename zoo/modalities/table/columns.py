"""The columns of a table: which kind each one is, and its values as numbers and back."""

import math
import re
import warnings
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError, ZooWarning

KINDS = ("number", "category", "boolean", "date")
NUMERIC = ("number", "date")
BOOLEANS = ("false", "true")

# A column of text has this kind if at least this fraction of its values can be read so; the others are treated as missing.
_READABLE = 0.9
# Maximum number of categories with a slot of their own, the most frequent ones; all others share the slot for unknown ones.
_MOST_CATEGORIES = 50
# Text with more distinct values than this fraction of the rows identifies rows, or is free text; both are left out.
_IDENTIFYING = 0.5
# Float32 has 24 bits: a column whose median is this many times its spread is stored relative to its median.
_FAR = 1e4

_YES, _NO = ("true", "yes", "t", "y"), ("false", "no", "f", "n")
_IDS = re.compile(r"(^|.*[_\s-])(id|uuid|guid|index|key)$|^unnamed: 0$", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?$")
_DAYS = 86_400_000_000_000  # nanoseconds


@dataclass(frozen=True)
class Column:
    """One column that a model reads.

    Args:
        name: its name, a string.
        kind: one of `KINDS`; a boolean is a category with the values "false" and "true".
        categories: the values of a category that have a slot of their own, as texts.
        origin: what is subtracted from the values of a number or date (in days since 1970) before they become float32.
    """

    name: str
    kind: str
    categories: tuple = ()
    origin: float = 0.0

    @property
    def slots(self):
        """Number of inputs of a category: one for each of `categories`, and a last one for all unknown values."""
        return len(self.categories) + 1 if self.kind not in NUMERIC else 0


def describe(name, series):
    """The `Column` of a `pandas.Series`, or the reason why the column is left out: "empty", "ids" or "text"."""
    present = series.dropna()
    if not len(present):
        return "empty"
    kind = _kind(present)
    if kind in NUMERIC:
        values = _numbers(series, kind)
        known = values[np.isfinite(values)]
        if not len(known):
            return "empty"
        whole = kind == "number" and len(known) > 2 and bool(np.all(known == np.floor(known)))
        if whole and _IDS.match(name) and len(np.unique(known)) == len(known):
            return "ids"
        middle = float(np.median(known))
        spread = float(np.subtract(*np.percentile(known, [75, 25]))) or float(known.std())
        far = kind == "date" or abs(middle) > _FAR * spread > 0
        return Column(name, kind, (), middle if far else 0.0)
    if kind == "boolean":
        return Column(name, kind, BOOLEANS)
    texts = _texts(present)
    counts = texts.value_counts()
    if len(counts) > _MOST_CATEGORIES and len(counts) > _IDENTIFYING * len(texts):
        return "ids" if len(counts) == len(texts) else "text"
    if len(counts) == len(texts) > 2 and _IDS.match(name):
        return "ids"
    # Sorted, because the order of equally frequent ones is that of the rows.
    return Column(name, "category", tuple(sorted(counts.index[:_MOST_CATEGORIES])))


def _kind(present):
    """The kind of a series without missing values."""
    from pandas.api import types

    dtype = present.dtype
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "number"
    if isinstance(dtype, _categorical()):
        return "category"
    if np.mean(np.isfinite(_numbers(present, "number"))) >= _READABLE:
        return "number"
    texts = _texts(present)
    if set(texts.str.lower().unique()) <= {*_YES, *_NO}:
        return "boolean"
    looks = texts.iloc[:1000].str.match(_DATE)
    if looks.mean() >= _READABLE and np.mean(np.isfinite(_numbers(present, "date"))) >= _READABLE:
        return "date"
    return "category"


def _categorical():
    import pandas

    return pandas.CategoricalDtype


def _texts(series):
    """Values as texts: whole numbers without a point, so that 1 and 1.0 are the same category."""
    return series.map(_text).astype(object).astype(str)


def _text(value):
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _numbers(series, kind):
    """The values of a number, or the days since 1970 of a date, float64 (N,); NaN where there is none."""
    import pandas

    if kind == "date":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dates = pandas.to_datetime(series, errors="coerce", utc=True, format=None if series.dtype.kind == "M" else "ISO8601")
        found = dates.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]")
        return np.where(np.isnat(found), np.nan, found.astype(np.int64) / _DAYS)
    if series.dtype == object or not hasattr(series.dtype, "kind") or series.dtype.kind not in "biuf":
        try:
            series = pandas.to_numeric(series, errors="coerce")
        except (TypeError, ValueError, OverflowError):  # objects that are neither numbers nor text, or integers without limit
            series = series.map(_number)
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def values(column, series):
    """The values of a series as float64 (N,), NaN where missing: numbers and days minus the origin, or indices of categories.

    Values that cannot be read as the kind of the column are missing, and a `ZooWarning` counts them; the index of an unknown
    category is the number of known ones.

    Raises:
        ZooError: if no value can be read as the kind of the column.
    """
    missing = series.isna().to_numpy()
    if column.kind in NUMERIC:
        found = _numbers(series, column.kind)
        unreadable = np.isnan(found) & ~missing
        _report(column, series, unreadable, missing)
        return found - column.origin
    texts = _texts(series)
    if column.kind == "boolean":
        lower = texts.str.lower()
        texts = lower.where(~lower.isin([*_YES, "1"]), "true").where(~lower.isin([*_NO, "0"]), "false")
    index = {category: place for place, category in enumerate(column.categories)}
    found = texts.map(index).fillna(len(index)).to_numpy(dtype=np.float64)
    if column.kind == "boolean":
        _report(column, series, (found == len(index)) & ~missing, missing)
    return np.where(missing, np.nan, found)


def _report(column, series, unreadable, missing):
    """Warn of values that cannot be read. Raises ZooError if none of the values can."""
    count, known = int(unreadable.sum()), int((~missing).sum())
    if not count:
        return
    example = series[unreadable].iloc[0]
    if count == known:
        raise ZooError(f"the column {column.name!r} contains {example!r:.60}, expected {_WANTED[column.kind]}.")
    warnings.warn(
        f"the column {column.name!r} contains {count} of {known} values that are not {_WANTED[column.kind]}, such as "
        f"{example!r:.60}; they are treated as missing.",
        ZooWarning,
        stacklevel=2,
    )


_WANTED = {"number": "finite numbers", "date": "dates such as 2024-05-31", "boolean": "true or false"}


def restored(column, raw):
    """The values of a column of the raw array (N,), in the form of data frames: floats, texts, booleans or datetime64; missing
    values are NaN, None or NaT."""
    missing = np.isnan(raw)
    if column.kind == "number":
        return raw.astype(np.float64) + column.origin
    if column.kind == "date":
        days = np.where(missing, 0, raw.astype(np.float64) + column.origin)
        # Beyond the years that nanoseconds can count, the nearest date.
        dates = np.clip(days * _DAYS, -9.2e18, 9.2e18).astype(np.int64).astype("datetime64[ns]")
        return np.where(missing, np.datetime64("NaT", "ns"), dates)
    labels = np.array([*(column.categories if column.kind == "category" else (False, True)), None], dtype=object)
    return np.where(missing, None, labels[np.where(missing, 0, raw).astype(int)])
