"""The modality of time series: what is known of a series, and its steps and windows."""

import warnings
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError, ZooWarning, suggest
from zoo.modalities.modality import Modality
from zoo.modalities.series import grid
from zoo.modalities.series.files import StepWriter, WindowStream
from zoo.modalities.series.windows import merged, windows
from zoo.modalities.table import files as table_files
from zoo.modalities.table import frames
from zoo.utils.numbers import check_positive, check_whole

NORMALIZATIONS = ("series", "window")
# A column is a channel if at least this fraction of its values can be read as numbers; the others are treated as missing.
_READABLE = 0.9
# Float32 has 24 bits: a channel whose median is this many times its spread is stored relative to its median.
_FAR = 1e4
_SPEC = ("name", "channels", "origins", "length", "stride", "normalization", "seasons", "time", "rate", "calibration")


@dataclass(frozen=True)
class Steps:
    """A series on a regular grid: `values` (S, C) float32, NaN where missing, and the step of each row, `places` (T,)."""

    values: np.ndarray
    places: np.ndarray


def fit(x, length=64, stride=None, normalization="window", seasons=(), time=None, rate=None):
    """The `Series` with the channels, the scale and the interval of a series `x`, which should be normal.

    Args:
        x: an array (T,) or (T, C), or a data frame with a column for each channel and possibly one of times, or times as its
            index; or windows (N, length, C). NaN and empty cells are missing values.
        length: number of time steps of a window.
        stride: steps from the start of a window to that of the next, at most `length`; by default a quarter of it.
        normalization: "window": each window is standardized by its own mean and deviation, so that only its shape counts, and
            levels that drift or jump are normal (reversible instance normalization); "series": by the median and the robust
            deviation of the whole series, so that an unusual level is anomalous.
        seasons: lengths of seasons in steps, such as (24, 168) for hours: with each, the networks also see every channel as it
            was one season before.
        time: name of the column of times; by default the first one called time, timestamp, datetime, date or ds, if any.
        rate: seconds between steps; by default the median interval. Rows are averaged within a step, and steps without rows
            are missing. Without times, every row is a step.

    Raises:
        ZooError: if `x` is not a series of numbers with at least two rows, or an argument is out of range.
    """
    check_whole(2, length=length)
    stride = max(1, length // 4) if stride is None else stride
    check_whole(1, stride=stride)
    if stride > length:
        raise ZooError(f"got stride={stride} for windows of {length} steps, expected at most {length}: no step may be left out.")
    if normalization not in NORMALIZATIONS:
        raise ZooError(f"got normalization={normalization!r}, expected one of {', '.join(NORMALIZATIONS)}.")
    if rate is not None:
        check_positive(rate=rate)
    for season in seasons:
        check_whole(1, season=season)
    if frames.is_array(x):
        if time is not None or rate is not None:
            raise ZooError("got time= or rate= for an array, which has no times; omit them, or give a data frame.")
        values = _array(x)
        if values.ndim == 3 and seasons:
            raise ZooError("got seasons for windows, which do not show what was before them; give the series (T, channels).")
        rows = values.reshape(-1, values.shape[-1])
        names, seconds = [str(i) for i in range(rows.shape[1])], None
    else:
        frame = _frame(x)
        time = _time_column(frame, time)
        seconds = None if time is None else grid.seconds(frame[time], time)
        names = _channels(frame, time)
        rows = np.stack([_numbers(frame[name]) for name in names], axis=1)
        if seconds is not None:
            rate = float(rate or grid.interval(seconds))
        elif rate is not None:
            raise ZooError("got rate= for a series without times; omit it, or give a column of times.")
    if len(rows) < 2:
        raise ZooError(f"got a series of {len(rows)} row, expected at least two to learn its scale from.")
    arrays, origins = [], []
    for name, channel in zip(names, rows.T):
        known = channel[np.isfinite(channel)]
        if not len(known):
            raise ZooError(f"the channel {name!r} has no values; leave it out.")
        center, scale = center_and_scale(known)
        origins.append(center if abs(center) > _FAR * scale else 0.0)
        arrays.append((center - origins[-1], scale))
    return Series(names, origins, length, stride, normalization, [*seasons], time, rate, arrays=np.array(arrays, np.float32))


def center_and_scale(known):
    """Median and robust deviation of numbers (T,), by their quartiles, or, if these are equal, by 5 and 95 percent; 1 for a
    constant."""
    low, first, middle, third, high = np.percentile(known, [5, 25, 50, 75, 95])
    least = 1e-9 * max(abs(middle), 1e-30)
    for scale in ((third - first) / 1.349, (high - low) / 3.29, float(known.std())):
        if scale > least:
            return float(middle), float(scale)
    return float(middle), 1.0


def _frame(x):
    """A data frame without an index of dates: that becomes its first column, "time"."""
    frame = frames.frame_of(x)
    index = frame.index
    if getattr(index.dtype, "kind", None) == "M" or "datetime" in str(index.dtype):
        name = str(index.name or "time")
        frame = frame.reset_index(drop=True) if name in frame.columns else frame.rename_axis(index=name).reset_index()
    if not len(frame):
        raise ZooError(f"the series has {len(frame.columns)} columns and no rows, expected at least one row.")
    return frame


def _time_column(frame, time):
    if time is None:
        return next((name for name in frame.columns if name.strip().lower() in grid.NAMES), None)
    if time not in frame.columns:
        raise ZooError(f"the series has no column {time!r} of times.{suggest(time, frame.columns)}")
    return time


def _channels(frame, time):
    """Names of the columns of numbers, except that of times; a warning names the others. Raises ZooError if there are none."""
    names, others = [], []
    for name in frame.columns:
        if name != time:
            present = frame[name].notna()
            readable = np.isfinite(_numbers(frame[name])).sum() >= _READABLE * max(1, present.sum())
            (names if readable and present.any() else others).append(name)
    if not names:
        raise ZooError(f"the series has no column of numbers; its columns are {', '.join(map(repr, frame.columns)) or 'none'}.")
    if others:
        told = f"columns of the series without numbers are left out: {', '.join(map(repr, others[:10]))}."
        warnings.warn(told, ZooWarning, stacklevel=4)
    return names


def _numbers(column):
    import pandas

    found = pandas.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(found), found, np.nan)


def _array(x):
    """An array (T, C) or (N, L, C) as float64; (T,) becomes (T, 1); infinite numbers are missing."""
    array = np.asarray(x)
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            array = np.asarray("text")
    if array.dtype.kind not in "fiub":
        raise ZooError(f"got an array of dtype {array.dtype}, expected a series of numbers.")
    if array.ndim not in (1, 2, 3) or not array.size:
        raise ZooError(
            f"got an array of shape {array.shape}, expected a series (T,) or (T, channels), or windows (N, length, channels)."
        )
    array = array[:, None] if array.ndim == 1 else array
    return np.where(np.isfinite(array), array.astype(np.float64), np.nan)


class Series(Modality):
    """Time series with known channels, in windows; made by `fit`.

    The raw array (N, length, C) is float32 with NaN for missing values, relative to the origin of each channel. Its C channels
    are those of the series, and then all of them again as they were one season before, for each of the seasons.

    Args:
        channels: names of the channels.
        origins: the number that is subtracted from each channel before it becomes float32.
        length, stride, normalization, seasons, time, rate: see `fit`.
        calibration: what a detector found normal, a mapping of plain data, see `zoo.detection.series.stream`; or None.
        arrays: center and scale of each channel, (channels, 2); None if they are loaded with the weights of a model.
    """

    name = "series"
    unit = "window"
    by_step = True

    def __init__(
        self, channels, origins, length, stride, normalization, seasons=(), time=None, rate=None, calibration=None, arrays=None
    ):
        self.channels, self.origins = list(channels), [float(origin) for origin in origins]
        self.length, self.stride, self.normalization, self.seasons = length, stride, normalization, list(seasons)
        self.time, self.rate = time, rate
        self.calibration, self.arrays = calibration, arrays
        self.layer = None

    @classmethod
    def from_spec(cls, spec):
        if set(spec) != set(_SPEC):
            raise ZooError(f"got a series with {', '.join(map(str, spec))}, expected {', '.join(_SPEC)}.")
        if len(spec["channels"]) != len(spec["origins"]) or spec["normalization"] not in NORMALIZATIONS:
            raise ZooError(f"got the series {spec!r:.120}, expected an origin for each channel, and a known normalization.")
        check_whole(2, length=spec["length"])
        for number in (spec["stride"], *spec["seasons"]):
            check_whole(1, steps=number)
        return cls(**{key: spec[key] for key in _SPEC[1:]})

    def spec(self):
        return {"name": self.name, **{key: getattr(self, key) for key in _SPEC[1:]}}

    def data_shape(self, input_shape):
        return (self.length, self.width)

    @property
    def width(self):
        """C, the number of channels of the raw array."""
        return len(self.channels) * (1 + len(self.seasons))

    @property
    def reach(self):
        """Number of steps before a step that its window and its seasons need."""
        return self.length - 1 + max(self.seasons, default=0)

    def options(self, given):
        from zoo.modalities.series.loss import SeriesLoss

        shape, count = (self.length, 2 * self.width), self.width
        if given.get("input_shape") is not None and tuple(given["input_shape"]) != shape:
            raise ZooError(f"got input_shape={given['input_shape']!r} for a series, which decides it itself; omit it.")
        loss = given.get("loss")
        if (
            loss is not None
            and not (isinstance(loss, dict) and loss.get("name") == "series")
            and not isinstance(loss, SeriesLoss)
        ):
            raise ZooError(f"got loss={loss!r:.60} for a series, whose loss skips missing values; omit it.")
        sigma = loss.sigma if isinstance(loss, SeriesLoss) else (loss or {}).get("sigma")
        return {**given, "input_shape": shape, "loss": SeriesLoss(count, **({} if sigma is None else {"sigma": sigma}))}

    def connect(self, model):
        from zoo.modalities.series.corruption import of_steps
        from zoo.modalities.series.scaling import SeriesScaling
        from zoo.utils.keras_internals import unlocked

        # Of its own for each model: two models of one series may be trained further on others.
        own = Series.from_spec(self.spec())
        own.layer = SeriesScaling(self.width, self.normalization == "window", name="scaling")
        own.layer.build()
        if self.arrays is not None:
            own.set_scale(self.arrays)
        with unlocked(model, model.encoder, model.decoder):
            model.corruption = of_steps(model.corruption, self.width)
            for part in (model.encoder, model.decoder):
                part.modality, part.scaling = own, own.layer
        model.encoder.data_shape = own.data_shape(None)
        model.config["modality"] = own.spec()

    def set_scale(self, arrays):
        """Set the center and scale of each channel, (channels, 2), in the model."""
        arrays = np.tile(np.asarray(arrays, np.float32), (1 + len(self.seasons), 1))
        self.layer.center.assign(arrays[:, 0])
        self.layer.scale.assign(arrays[:, 1])

    def adopt(self, other):
        """Become another series of the same number of channels, windows and seasons' count, in the same model."""
        for key in ("channels", "origins", "seasons", "time", "rate", "stride"):
            setattr(self, key, getattr(other, key))
        self.set_scale(other.arrays)

    # -- steps and windows

    def steps(self, x):
        """The `Steps` of a series: an array (T,) or (T, C), or a data frame. Raises ZooError if it is something else."""
        if frames.is_array(x):
            values = self._checked_channels(_array(x))
            if values.ndim != 2:
                raise ZooError(f"got windows of shape {values.shape}, expected a series (T, {len(self.channels)}).")
            return Steps(self.raw(values), np.arange(len(values)))
        seconds, values = self.rows(x)
        if seconds is None:
            return Steps(self.raw(values), np.arange(len(values)))
        found, places = grid.regular(seconds, values, self.rate)
        return Steps(self.raw(found), places)

    def rows(self, x):
        """The times in seconds (T,), or None if the series has none, and the values (T, C), float64, of a data frame's rows."""
        frame = _frame(x)
        wanted = [*([self.time] if self.rate is not None else []), *self.channels]
        lacking = [name for name in wanted if name not in frame.columns]
        if lacking:
            near = suggest(lacking[0], frame.columns)
            raise ZooError(f"the series lacks the column {lacking[0]!r}, which the model was trained with.{near}")
        values = np.stack([_numbers(frame[name]) for name in self.channels], axis=1)
        for name, channel in zip(self.channels, values.T):
            if frame[name].notna().any() and not np.isfinite(channel).any():
                example = frame[name].dropna().iloc[0]
                raise ZooError(f"the channel {name!r} contains {example!r:.60}, expected numbers.")
        return (None if self.rate is None else grid.seconds(frame[self.time], self.time)), values

    def check(self, x, shape=None):
        if frames.is_array(x) and np.ndim(x) == 3:
            found = _array(x)
            if found.shape[1:] != self.data_shape(None):
                raise ZooError(f"got windows of shape {found.shape}, expected (N, {self.length}, {self.width}).")
            return self._relative(found, np.tile(self.origins, 1 + len(self.seasons)))
        return np.ascontiguousarray(windows(self.with_seasons(self.steps(x).values), self.length, self.stride))

    def with_seasons(self, values):
        """Steps (S, channels) beside what they were one season before, (S, C)."""
        found = [values]
        for season in self.seasons:
            before = np.full_like(values, np.nan)
            before[season:] = values[: max(0, len(values) - season)]
            found.append(before)
        return np.concatenate(found, axis=1)

    def _checked_channels(self, array):
        if array.shape[-1] != len(self.channels):
            raise ZooError(
                f"got a series of shape {array.shape}, expected {len(self.channels)} channels: (T, {len(self.channels)})."
            )
        return array

    def raw(self, values):
        """Values (T, channels) relative to their origins, float32."""
        return self._relative(values, self.origins)

    def _relative(self, values, origins):
        # What float32 cannot represent is missing.
        with np.errstate(over="ignore"):
            raw = (values - np.asarray(origins)).astype(np.float32)
        return np.where(np.isfinite(raw), raw, np.float32(np.nan))

    def rule(self, shapes, target_shape=None, probabilities=False):
        from zoo.modalities.series.rule import SeriesRule

        return SeriesRule(self)

    def to_input(self, x, dtype):
        from keras import ops

        return ops.cast(self.layer(x), dtype)

    def to_raw(self, outputs):
        return self.layer.restore(outputs)

    def reversed(self, raw, x):
        return self.layer.reverse(raw, x)

    def returned(self, raw, like):
        """Windows (N, length, channels), or, of a series, the mean over the windows that contain a step, as an array
        (T, channels) or a frame."""
        raw = raw[..., : len(self.channels)] + np.asarray(self.origins)
        if frames.is_array(like) and np.ndim(like) == 3:
            return raw
        steps = self.steps(like)
        rows = merged(raw, len(steps.values), self.stride)[steps.places]
        if frames.is_array(like):
            return rows.reshape(np.shape(like))
        times = {} if self.rate is None else {self.time: _frame(like)[self.time].to_numpy()}
        return frames.like({**times, **dict(zip(self.channels, rows.T))}, like)

    # -- files

    def check_source(self, source):
        table_files.check_path(source)

    def stream(self, source, batch_size, shape, **reading):
        """Batches (numbers of the windows' last steps, windows), see `windows`, with constant memory; rows must be in order."""
        if reading.get("resize") or reading.get("skip_unreadable"):
            raise ZooError("got a setting for image files (resize or skip unreadable ones), but the model is one of series.")
        return WindowStream(self, table_files.open_stream(source, max(batch_size * self.stride, self.length)), batch_size)

    def load(self, source, shape, **reading):
        return table_files.whole(self.stream(source, 4096, shape, **reading), source, self.check)

    def in_memory(self, source):
        is_series = isinstance(source, np.ndarray) or not frames.is_array(source)
        return source if is_series else np.asarray(source) if hasattr(source, "__array__") else None

    def of_batch(self, batch):
        return batch[0] if isinstance(batch, tuple) else batch

    def writer(self, path, shape):
        return StepWriter(path, self)
