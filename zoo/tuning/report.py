"""Report of a search: a table and a plot with parallel coordinates."""

import csv
import io
import math
from pathlib import Path

import numpy as np

from zoo.finetuning.report import figure
from zoo.tuning.space import is_number
from zoo.utils.files import write_atomically


def write_table(folder, rows):
    """Write trials.csv: the rows of `tune`, best first."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(Path(folder) / "trials.csv", text.getvalue().encode())


def as_text(rows, metric, most=10):
    """The best rows as lines of a table."""
    names = [name for name in rows[0] if name not in ("trial", "score", "seconds")]
    heads = ["trial", *names, metric, "seconds"]
    cells = [[_cell(row[key]) for key in ("trial", *names, "score", "seconds")] for row in rows[:most]]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    lines = ["  ".join(text.rjust(width) for text, width in zip(line, widths)) for line in [heads, *cells]]
    return "\n".join([*lines, *([f"and {len(rows) - most} more"] if len(rows) > most else [])])


def _cell(value):
    if value is None:
        return "failed"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw(rows, metric, path):
    """Plot parallel coordinates: one axis per setting and one for the metric, one line per trial; better trials are darker.

    Returns whether a plot was written; False without matplotlib.
    """
    canvas = figure((2.2 * max(2, len(rows[0]) - 2), 4.5))
    if canvas is None:
        return False
    rows = [row for row in rows if row["score"] is not None]
    names = [name for name in rows[0] if name not in ("trial", "score", "seconds")]
    columns = [_scaled([row[name] for row in rows]) for name in names] + [_scaled([row["score"] for row in rows])]
    axes = canvas.subplots()
    # The worst first, so that the best are on top.
    for rank in reversed(range(len(rows))):
        shade = 0.85 * rank / max(1, len(rows) - 1)
        axes.plot([column[0][rank] for column in columns], color=str(shade), lw=2.5 if rank == 0 else 1)
    for place, (_, ticks) in enumerate(columns):
        axes.axvline(place, color="0.6", lw=0.8)
        for height, text in ticks:
            axes.text(place + 0.02, height, text, fontsize=7, va="center")
    axes.set(xticks=range(len(columns)), yticks=[], ylim=(-0.05, 1.05))
    axes.set_xticklabels([*names, metric])
    for side in axes.spines.values():
        side.set_visible(False)
    canvas.savefig(path, dpi=120)
    return True


def _scaled(values):
    """Heights 0..1 of the values, and pairs (height, text) of ticks: even spacing for texts, logarithmic over a factor of ten."""
    if not all(is_number(value) for value in values):
        known = sorted(set(map(str, values)))
        heights = {value: i / max(1, len(known) - 1) for i, value in enumerate(known)}
        return [heights[str(value)] for value in values], [(height, text) for text, height in heights.items()]
    low, high = min(values), max(values)
    log = low > 0 and high >= 10 * low
    change = math.log if log else float
    span = change(high) - change(low)
    heights = [(change(value) - change(low)) / span if span else 0.5 for value in values]
    if not span:
        return heights, [(0.5, f"{low:.4g}")]
    ticks = np.exp(np.linspace(math.log(low), math.log(high), 5)) if log else np.linspace(low, high, 5)
    return heights, [((change(float(tick)) - change(low)) / span, f"{tick:.3g}") for tick in ticks]
