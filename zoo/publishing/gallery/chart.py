"""A training curve as SVG, without a chart library, because the page must work without a network."""

import csv
import html
import math

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 320, 150, 46, 22, 8


def read(path):
    """The rows of a history file, mappings of column to number; an empty list if there is no file."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []


def curve(rows, name):
    """SVG of the loss and, if there is one, the validation loss over the epochs; "" for fewer than two epochs.

    Args:
        rows: of a history, see `read`.
        name: of the weight set, for the text alternative of the chart.
    """
    lines = {key: [(row["epoch"], row[key]) for row in rows if key in row] for key in ("loss", "val_loss")}
    lines = {key: points for key, points in lines.items() if len(points) > 1}
    if not lines:
        return ""
    xs, ys = ([point[i] for points in lines.values() for point in points] for i in (0, 1))
    # On a linear scale, a large loss in the first epoch would flatten the rest of the curve.
    log = min(ys) > 0 and max(ys) > 3 * min(ys)
    scale = math.log if log else float
    low, high = scale(min(ys)), scale(max(ys))
    span_x, span_y = max(xs) - min(xs) or 1, high - low or 1

    def place(x, y):
        across = _LEFT + (x - min(xs)) / span_x * (_WIDTH - _LEFT - 8)
        down = _TOP + (1 - (scale(y) - low) / span_y) * (_HEIGHT - _TOP - _BOTTOM)
        return f"{across:.1f},{down:.1f}"

    parts = []
    for key, points in lines.items():
        text = " ".join(place(x, y) for x, y in points)
        parts.append(f'<polyline class="{key}" points="{text}"/>')
    for value in (min(ys), max(ys)):
        down = place(min(xs), value).split(",")[1]
        parts.append(f'<text x="{_LEFT - 4}" y="{down}" text-anchor="end" dominant-baseline="middle">{value:.4g}</text>')
    for value, anchor in ((min(xs), "start"), (max(xs), "end")):
        across = place(value, min(ys)).split(",")[0]
        parts.append(f'<text x="{across}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{value:.0f}</text>')
    middle = (_LEFT + _WIDTH) // 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">epoch</text>')
    label = html.escape(f"Training loss of {name}: {ys[0]:.4g} after epoch {xs[0]:.0f}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
