"""Files of series: rows as steps of a grid, as they come, and windows; reconstructed windows as rows of a file."""

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.series import grid
from zoo.modalities.series.windows import windows
from zoo.modalities.table import frames
from zoo.modalities.table.files import FrameWriter

# Missing steps in a row, after which what was before has no influence; more of them are not written out.
_LONGEST_GAP = 100_000


class StepReader:
    """Rows of a series in the order of time to steps of a regular grid, batch by batch, with constant memory.

    Args:
        series: a `zoo.modalities.series.series.Series`.
    """

    def __init__(self, series):
        self.series = series
        self.start = self.last = None
        self.steps = 0

    def steps_of(self, x):
        """The steps (S, channels), raw values, that rows `x`, a data frame or an array, add, and the place of each row in them.

        Rows of the same step are averaged, if they come together; a later row of the last step before has the place -1. Steps
        without rows are missing.

        Raises:
            ZooError: if a row is earlier than the one before, or far later.
        """
        if frames.is_array(x) or self.series.rate is None:
            found = self.series.steps(x).values
            self.steps += len(found)
            return found, np.arange(len(found))
        seconds, values = self.series.rows(x)
        if self.start is None:
            self.start, self.last = seconds[0], -1
        numbers = np.round((seconds - self.start) / self.series.rate)
        before = np.concatenate([[self.last], numbers[:-1]])
        if (numbers < before).any():
            row = int(np.argmax(numbers < before))
            raise ZooError(
                f"the time of row {row + 1} of {len(numbers)} is earlier than that of the row before; sort the file by time."
            )
        if (numbers - before > _LONGEST_GAP).any():
            row = int(np.argmax(numbers - before > _LONGEST_GAP))
            raise ZooError(
                f"the time of row {row + 1} of {len(numbers)} is {numbers[row] - before[row]:,.0f} steps after that of the row "
                f"before, expected at most {_LONGEST_GAP:,}; correct it, or split the file."
            )
        places = (numbers - self.last - 1).astype(int)
        count = int(numbers[-1] - self.last)
        found = grid.means(places[places >= 0], values[places >= 0], count) if count else values[:0]
        self.last = int(numbers[-1])
        self.steps += count
        return self.series.raw(found), places


class WindowStream:
    """Batches (numbers of the windows' last steps, windows (N, length, C)) of a stream of rows.

    Args:
        series: a `zoo.modalities.series.series.Series`.
        rows: batches (ids, data frame or array).
        batch_size: number of windows per batch.
    """

    skipped = notes = ()
    total = None

    def __init__(self, series, rows, batch_size):
        self.series, self.rows, self.batch_size = series, rows, batch_size

    def __iter__(self):
        series, reader = self.series, StepReader(self.series)
        length, stride = series.length, series.stride
        # The steps from number `first` on, of which later windows need some; the next window starts with step number `start`.
        kept, first, start = np.zeros((0, len(series.channels)), np.float32), 0, 0
        for _, x in self.rows:
            kept = np.concatenate([kept, reader.steps_of(x)[0]])
            seen = self._seen(kept)
            count = max(0, (first + len(kept) - start - length) // stride + 1)
            for at in range(0, count, self.batch_size):
                starts = [start + i * stride for i in range(at, min(at + self.batch_size, count))]
                yield self._ids(starts), np.stack([seen[i - first : i - first + length] for i in starts])
            start += count * stride
            # The last window of all ends with the series, and may start before the next one.
            past = max(0, start - max(series.seasons, default=0) - stride - first)
            kept, first = kept[past:], first + past
        end = first + len(kept)
        if not start or start - stride + length != end:
            yield self._ids([end - length]), windows(self._seen(kept), length)[-1:]

    def _ids(self, starts):
        return [str(start + self.series.length - 1) for start in starts]

    def _seen(self, kept):
        """Steps as the user would hand them in, with what they were one season before."""
        return self.series.with_seasons(kept) + np.tile(self.series.origins, 1 + len(self.series.seasons))


class StepWriter(FrameWriter):
    """Writes the steps of a series from its windows, batch by batch; overlapping windows are averaged.

    Args:
        path: .csv or .parquet; the columns are "id", the number of the step, and the channels.
        series: a `zoo.modalities.series.series.Series`.
    """

    def __init__(self, path, series):
        super().__init__(path)
        self.series = series

    def __enter__(self):
        self._first, self._total, self._times = 0, np.zeros((0, len(self.series.channels))), np.zeros((0, 1))
        return super().__enter__()

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._flush(self._first + len(self._total))
        return super().__exit__(kind, error, trace)

    def write(self, raw, ids):
        """Add windows (N, length, channels) that end with the steps of the given numbers."""
        for window, number in zip(raw, ids):
            start = int(number) - self.series.length + 1
            if start < 0:
                window, start = window[-start:], 0
            self._flush(start)
            lacking = start + len(window) - self._first - len(self._total)
            if lacking > 0:
                self._total = np.concatenate([self._total, np.zeros((lacking, self._total.shape[1]))])
                self._times = np.concatenate([self._times, np.zeros((lacking, 1))])
            place = slice(start - self._first, start - self._first + len(window))
            self._total[place] += window
            self._times[place] += 1

    def _flush(self, until):
        """Write the steps before number `until`, which no later window contains."""
        count = until - self._first
        if count <= 0 or not len(self._total):
            return
        means = self._total[:count] / self._times[:count]
        columns = {"id": [str(self._first + i) for i in range(len(means))], **dict(zip(self.series.channels, means.T))}
        super().write(frames.like(columns, None), columns["id"])
        self._first, self._total, self._times = until, self._total[count:], self._times[count:]
