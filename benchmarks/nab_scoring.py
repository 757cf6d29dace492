"""The scoring of the Numenta Anomaly Benchmark, by its published rules (Lavin & Ahmad 2015, arXiv:1510.03336).

A detector gives a score for each row. A row whose score is at least the threshold is a detection. Of the detections in a labelled
window only the earliest counts, from 1 at the window's start down to 0 at its end by a sigmoid; a window without one costs
`false_negative`. A detection outside of all windows costs up to `false_positive`: less just after a window, by the same sigmoid.
The probationary rows at the start of a series do not count. There is one threshold for all series, the best one.

The figure is 100 (score - score without detections) / (score of the earliest detections - score without detections).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PROBATION = 0.15
# Series of any length have at most as many probationary rows as one of this length.
_LONGEST = 5000
_STEEPNESS = 5.0
# In widths of a window after its end: beyond, a detection has nothing to do with the window.
_FAR = 3.0


@dataclass(frozen=True)
class Profile:
    """What a detection is worth: in a window, outside of windows (a cost), and a window without one (a cost)."""

    true_positive: float
    false_positive: float
    false_negative: float


@dataclass(frozen=True)
class Labelled:
    """One series of the benchmark: name "folder/file.csv", times (T,) as texts, values (T,), windows [(first row, last row)]."""

    name: str
    times: np.ndarray
    values: np.ndarray
    windows: list

    @property
    def probation(self):
        """Number of rows at the start that do not count."""
        return probation(len(self.values))


def probation(rows):
    """Number of probationary rows of a series with so many rows."""
    return int(np.ceil(min(np.floor(PROBATION * rows), PROBATION * _LONGEST)))


def read(folder):
    """All series, by name, and the profiles by name, of the folder of the benchmark: `data`, `labels` and `config` in it."""
    folder, found = Path(folder), []
    labels = json.loads((folder / "labels/combined_windows.json").read_text())
    for name, windows in sorted(labels.items()):
        rows = np.loadtxt(folder / "data" / name, delimiter=",", skiprows=1, dtype=str)
        times = rows[:, 0]
        places = [(_place(times, start), _place(times, end)) for start, end in windows]
        found.append(Labelled(name, times, rows[:, 1].astype(float), places))
    profiles = {
        name: Profile(*(values["CostMatrix"][key] for key in ("tpWeight", "fpWeight", "fnWeight")))
        for name, values in json.loads((folder / "config/profiles.json").read_text()).items()
    }
    return found, profiles


def _place(times, time):
    """The first row of a time; labels have fractions of seconds."""
    return int(np.flatnonzero(times == time.partition(".")[0])[0])


def worth(series, profile):
    """What a detection at each row is worth, (T,), and the index of its window, (T,); -1 outside of windows."""
    rows = np.arange(len(series.values))
    value, inside = np.full(len(rows), -1.0), np.full(len(rows), -1)
    for first, last in series.windows:
        width = last - first + 1
        past = (rows - last) / max(width - 1, 1)
        value[last + 1 :] = np.where(past > _FAR, -1.0, _sigmoid(past))[last + 1 :]
    value *= profile.false_positive
    for index, (first, last) in enumerate(series.windows):
        window = slice(first, last + 1)
        value[window] = profile.true_positive * _sigmoid((rows[window] - last - 1) / (last - first + 1)) / _sigmoid(-1.0)
        inside[window] = index
    return value, inside


def _sigmoid(position):
    return 2 / (1 + np.exp(_STEEPNESS * np.asarray(position, float))) - 1


def sweep(series, scores, profile):
    """The thresholds, descending, and the score of each, over all series together.

    Args:
        series: list of `Labelled`.
        scores: list of the scores (T,) of each.
        profile: a `Profile`.
    """
    values, windows, points, count = [], [], [], 0
    for one, score in zip(series, scores):
        value, inside = worth(one, profile)
        counted = slice(one.probation, None)
        values.append(value[counted])
        windows.append(np.where(inside < 0, -1, inside + count)[counted])
        points.append(np.asarray(score, float)[counted])
        count += len(one.windows)
    values, windows, points = map(np.concatenate, (values, windows, points))
    order = np.argsort(-points, kind="stable")
    values, windows, points = values[order], windows[order], points[order]
    gains = np.where(windows < 0, values, 0.0)
    scorable = np.unique(windows[windows >= 0])
    for window in scorable:
        found = np.flatnonzero(windows == window)
        best = np.maximum.accumulate(np.maximum(values[found], -profile.false_negative))
        gains[found] = np.diff(best, prepend=-profile.false_negative)
    total = np.cumsum(gains) - profile.false_negative * len(scorable)
    # Rows of one score are detected together.
    last = np.append(np.flatnonzero(np.diff(points)), len(points) - 1)
    thresholds = np.concatenate([[np.inf], points[last]])
    return thresholds, np.concatenate([[-profile.false_negative * len(scorable)], total[last]])


def normalized(series, score, profile):
    """A score as the figure of the benchmark: 0 without detections, 100 for the earliest ones of all windows and no others."""
    scorable = sum(sum(last >= one.probation for _, last in one.windows) for one in series)
    perfect = profile.true_positive * sum(len(one.windows) for one in series)
    base = -profile.false_negative * scorable
    return 100 * (score - base) / (perfect - base)


def figure(series, scores, profile):
    """The figure of a detector by the best threshold for all series, and that threshold."""
    thresholds, totals = sweep(series, scores, profile)
    best = int(np.argmax(totals))
    return normalized(series, totals[best], profile), float(thresholds[best])


def total(series, detections, profile):
    """The score of detections: for each of `series` the rows (K,) that are detected, probationary ones left out."""
    found = 0.0
    for one, rows in zip(series, detections):
        value, inside = worth(one, profile)
        rows = rows[rows >= one.probation]
        found += value[rows[inside[rows] < 0]].sum()
        for window, (_, last) in enumerate(one.windows):
            if last >= one.probation:
                best = value[rows[inside[rows] == window]].max(initial=-np.inf)
                found += max(best, -profile.false_negative)
    return found
