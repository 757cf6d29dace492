"""The modality of tables: columns of numbers, categories, booleans and dates, with gaps, matched by their names."""

import functools
import warnings

import numpy as np

from zoo.errors import ZooError, ZooWarning, suggest
from zoo.modalities.modality import Modality
from zoo.modalities.table import columns, files, frames
from zoo.modalities.table.columns import NUMERIC, Column

# Rows of a file from which its columns are learned; a random sample of a larger one.
_SAMPLE = 100_000
_REASONS = {"empty": "it has no values", "ids": "its values identify the rows", "text": "it is free text"}


def fit(source, ids=None, ignore=()):
    """The `Table` of a user's table: the kinds of its columns, the categories, and the centers and scales of the numbers.

    Args:
        source: a pandas or polars data frame, an Arrow table, a mapping of columns or an array (N, C); or the path of a .csv,
            .tsv, .parquet, .npy or .npz file of any size, of which a sample of at most 100,000 rows is used.
        ids: name of the column that identifies the rows; by default found by its name (such as "id") and its unique values.
        ignore: names of columns to leave out, such as labels.

    Raises:
        ZooError: if there are no rows or no usable columns, names are repeated or unknown, or a file cannot be read.
    """
    x = files.sample(source, _SAMPLE) if files.is_path(source) else source
    if frames.is_array(x) and np.asarray(x).dtype.kind in "fiub":
        return _fit_array(np.asarray(x), ignore)
    frame = frames.frame_of(x)
    if not len(frame):
        raise ZooError(f"the table has {len(frame.columns)} columns and no rows, expected at least one row.")
    for name in (*((ids,) if ids is not None else ()), *ignore):
        if name not in frame.columns:
            raise ZooError(f"the table has no column {name!r}.{suggest(name, frame.columns)}")
    found, arrays, left_out = [], [], {}
    for name in frame.columns:
        if name == ids or name in ignore:
            continue
        made = columns.describe(name, frame[name])
        if not isinstance(made, Column):
            left_out[name] = made
            continue
        found.append(made)
        if made.kind in NUMERIC:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ZooWarning)  # reported when the rows are read
                arrays.append(center_and_scale(columns.values(made, frame[name])))
    if ids is None:
        ids = next((name for name, reason in left_out.items() if reason == "ids"), None)
    if not found:
        raise ZooError(f"the table has no column to learn from: {_listed(left_out) or 'it has no columns'}.")
    if left_out:
        warnings.warn(f"columns of the table are left out: {_listed(left_out)}.", ZooWarning, stacklevel=2)
    return Table(found, ids, np.array(arrays, np.float32).reshape(-1, 2))


def _listed(left_out):
    return ", ".join(f"{name!r} ({_REASONS[reason]})" for name, reason in list(left_out.items())[:10])


def _fit_array(array, ignore):
    """As `fit`, for an array (N, C) of numbers, without pandas."""
    if array.ndim != 2 or not array.size:
        raise ZooError(f"got an array of shape {array.shape}, expected a table (rows, columns) that is not empty.")
    array = np.where(np.isfinite(array), array.astype(np.float64), np.nan)
    used = [i for i in range(array.shape[1]) if str(i) not in ignore and np.isfinite(array[:, i]).any()]
    if len(used) + len(ignore) < array.shape[1]:
        raise ZooError("the array has columns without any value; remove them.")
    return Table([Column(str(i), "number") for i in used], None, [center_and_scale(array[:, i]) for i in used])


def center_and_scale(values):
    """Median and robust standard deviation of values (N,), NaN where missing; the scale of a constant column is 1."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    low, middle, high = np.percentile(known, [25, 50, 75])
    scale = (high - low) / 1.349
    # If more than half of the values are equal, as with many zeros, the quartiles say nothing.
    scale = scale if scale > 1e-9 * max(abs(middle), 1e-30) else float(known.std())
    return float(middle), float(scale if scale > 1e-9 * max(abs(middle), 1e-30) else 1.0)


class Table(Modality):
    """Rows of a table with known columns; made by `fit`.

    The raw array (N, C) is float32 with NaN for missing values: numbers, days of dates, and indices of categories, in the order
    of the columns; numbers and dates are relative to the origin of their column.

    Args:
        columns: a list of `Column`.
        ids: name of the column that identifies the rows, or None.
        arrays: (n, 2), center and scale of each number or date; None if they are loaded with the weights of a model.
    """

    name = "table"

    def __init__(self, columns, ids=None, arrays=None):
        self.columns, self.ids, self.arrays = list(columns), ids, arrays
        self.layer = None

    @classmethod
    def from_spec(cls, spec):
        wanted = ("name", "columns", "kinds", "categories", "origins", "ids")
        if set(spec) != set(wanted):
            raise ZooError(f"got a table with {', '.join(map(str, spec))}, expected {', '.join(wanted)}.")
        parts = spec["columns"], spec["kinds"], spec["categories"], spec["origins"]
        if len({len(part) for part in parts}) > 1 or not set(spec["kinds"]) <= set(columns.KINDS):
            raise ZooError(f"got a table with the kinds {spec['kinds']!r:.80}, expected one of {columns.KINDS} for each column.")
        return cls([Column(n, k, tuple(c), o) for n, k, c, o in zip(*parts)], spec["ids"])

    def spec(self):
        return {
            "name": self.name,
            "columns": [column.name for column in self.columns],
            "kinds": [column.kind for column in self.columns],
            "categories": [list(column.categories) for column in self.columns],
            "origins": [column.origin for column in self.columns],
            "ids": self.ids,
        }

    @functools.cached_property
    def numbers(self):
        """Indices of the columns of numbers and dates."""
        return [i for i, column in enumerate(self.columns) if column.kind in NUMERIC]

    @functools.cached_property
    def slots(self):
        """Mapping of the index of each column of categories to its number of slots."""
        return {i: column.slots for i, column in enumerate(self.columns) if column.kind not in NUMERIC}

    def data_shape(self, input_shape):
        return (len(self.columns),)

    def options(self, given):
        from zoo.modalities.table.loss import TableLoss

        width = 2 * len(self.numbers) + sum(self.slots.values())
        shape = given.get("input_shape")
        if shape is not None and tuple(shape) != (width,):
            raise ZooError(f"got input_shape={shape!r} for a table, which decides it itself; omit it.")
        loss = given.get("loss")
        if loss is not None and not (isinstance(loss, dict) and loss.get("name") == "table") and not isinstance(loss, TableLoss):
            raise ZooError(f"got loss={loss!r:.60} for a table, whose loss depends on the kind of each column; omit it.")
        settings = {key: loss[key] for key in ("sigma",) if isinstance(loss, dict) and key in loss}
        sigma = {"sigma": loss.sigma} if isinstance(loss, TableLoss) else settings
        return {**given, "input_shape": (width,), "loss": TableLoss(len(self.numbers), self.slots.values(), **sigma)}

    def connect(self, model):
        from zoo.modalities.table.corruption import of_columns
        from zoo.modalities.table.scaling import TableScaling
        from zoo.utils.keras_internals import unlocked

        # Of its own for each model: two models of one table may be trained further on other tables.
        own = Table(self.columns, self.ids)
        own.layer = TableScaling(self.numbers, self.slots, name="scaling")
        own.layer.build()
        if self.arrays is not None and self.numbers:
            own.layer.center.assign(np.asarray(self.arrays, np.float32)[:, 0])
            own.layer.scale.assign(np.asarray(self.arrays, np.float32)[:, 1])
        with unlocked(model, model.encoder, model.decoder):
            model.corruption = of_columns(model.corruption, len(self.numbers), list(self.slots.values()))
            for part in (model.encoder, model.decoder):
                part.modality, part.scaling = own, own.layer
        model.encoder.data_shape = own.data_shape(None)
        model.config["modality"] = own.spec()

    # -- rows

    def check(self, x, shape=None):
        if frames.is_array(x):
            array = np.asarray(x)
            if array.dtype.kind in "fiub":
                return self._from_array(array)
        frame = frames.frame_of(x)
        if not len(frame):
            raise ZooError("got a table without rows, expected at least one row.")
        names = [column.name for column in self.columns]
        if frames.is_array(x) and len(frame.columns) == len(names):
            frame = frame.set_axis(names, axis=1)
        self._check_names(list(frame.columns), names)
        raw = np.empty((len(frame), len(names)), np.float32)
        # What float32 cannot represent becomes infinite, which `_finite` treats as missing.
        with np.errstate(over="ignore"):
            for i, column in enumerate(self.columns):
                raw[:, i] = columns.values(column, frame[column.name])
        return _finite(raw)

    def _from_array(self, array):
        if array.ndim != 2 or array.shape[1] != len(self.columns):
            hint = " Add the batch axis: x[None]." if array.shape == (len(self.columns),) else ""
            raise ZooError(f"got an array of shape {array.shape}, expected a table (N, {len(self.columns)}).{hint}")
        if not len(array):
            raise ZooError("got a table without rows, expected at least one row.")
        origins = [column.origin for column in self.columns]
        with np.errstate(over="ignore"):
            return _finite((array - origins if any(origins) else array).astype(np.float32))

    def _check_names(self, came, wanted):
        known = set(came)
        lacking = [name for name in wanted if name not in known]
        if lacking:
            others = [name for name in came if name not in wanted]
            more = f" and {len(lacking) - 1} more" * (len(lacking) > 1)
            near = suggest(lacking[0], others) or (
                f" Columns that the model does not know: {', '.join(others[:5])}." * bool(others)
            )
            raise ZooError(f"the table lacks the column {lacking[0]!r}{more}, which the model was trained with.{near}")

    def rule(self, shapes, target_shape=None, probabilities=False):
        from zoo.modalities.table.rule import TableRule

        return TableRule(Table(self.columns, self.ids))

    def to_input(self, x, dtype):
        from keras import ops

        return ops.cast(self.layer(x), dtype)

    def to_raw(self, outputs):
        return self.layer.restore(outputs)

    def returned(self, raw, like):
        if like is not None and frames.is_array(like):
            origins = [column.origin for column in self.columns]
            return raw + np.float32(origins) if any(origins) else raw
        return frames.like({c.name: columns.restored(c, raw[:, i]) for i, c in enumerate(self.columns)}, like)

    # -- files

    def stream(self, source, batch_size, shape, **reading):
        if reading.get("resize") or reading.get("skip_unreadable"):
            raise ZooError("got a setting for image files (resize or skip unreadable ones), but the model is one of tables.")
        return files.open_stream(source, batch_size, self.ids)

    def check_source(self, source):
        files.check_path(source)

    def load(self, source, shape, **reading):
        return files.whole(self.stream(source, 100_000, shape, **reading), source, self.check)

    def load_labelled(self, source, column):
        return files.whole(self.stream(source, 100_000, None), source, self.check, column)

    def in_memory(self, source):
        is_table = isinstance(source, np.ndarray) or not frames.is_array(source)
        return source if is_table else np.asarray(source) if hasattr(source, "__array__") else None

    def of_batch(self, batch):
        return batch[0] if isinstance(batch, tuple) else batch

    def fill(self, raw, given):
        made = self.returned(raw, given)
        if frames.is_array(given):
            return np.where(np.isnan(given), made, given)
        frame, made = frames.frame_of(given), frames.frame_of(made)
        for column in self.columns:
            read = columns.values(column, frame[column.name])
            frame = frame.assign(**{column.name: frame[column.name].where(~np.isnan(read), made[column.name])})
        return frame

    def writer(self, path, shape):
        return files.FrameWriter(path)


def _finite(raw):
    """The raw array with NaN for infinite values, which are beyond float32 or no numbers."""
    infinite = np.isinf(raw)
    if infinite.any():
        warnings.warn(
            f"the table contains {int(infinite.sum())} infinite numbers, or ones beyond 3e38; they are treated as missing.",
            ZooWarning,
            stacklevel=3,
        )
        raw[infinite] = np.nan
    return raw
