"""The report of a fine-tuning run: learning curves and confusion matrix."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from zoo.finetuning.class_labels import class_labels
from zoo.utils.files import replacing, write_atomically


def confusion(labels, guesses, count):
    """Confusion matrix, integers (count, count): rows are the true classes, columns the predicted ones."""
    table = np.zeros((count, count), int)
    np.add.at(table, (labels, guesses), 1)
    return table


def write_report(folder, report):
    """Write `report`, a JSON-serializable mapping, to report.json."""
    write_atomically(Path(folder) / "report.json", (json.dumps(report, indent=1) + "\n").encode())


def draw_curves(rows, path):
    """Plot training and validation loss, and accuracy if there is one; `rows` are mappings, one per epoch."""
    canvas = figure((10, 4))
    if canvas is None:
        return
    epochs = [row["epoch"] for row in rows]
    measures = [name for name in ("loss", "accuracy") if name in rows[0]]
    for axes, name in zip(np.atleast_1d(canvas.subplots(1, len(measures))), measures):
        for key, label in ((name, "training"), (f"val_{name}", "held out")):
            if key in rows[0]:
                axes.plot(epochs, [row[key] for row in rows], label=label)
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend(frameon=False)
    with replacing(path) as temporary:
        canvas.savefig(temporary, dpi=100)


def draw_confusion(table, names, path):
    """Plot a confusion matrix: fractions of each class, with counts for up to 20 classes."""
    side = max(4.0, 0.45 * len(names) + 2)
    canvas = figure((side, side))
    if canvas is None:
        return
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes = canvas.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(names))
    axes.set(xticks=places, yticks=places, xlabel="predicted class", ylabel="true class")
    shown, style = class_labels(names)
    axes.set_yticklabels(shown, **style)
    axes.set_xticklabels(shown, rotation=90, **style)
    if len(names) <= 20:
        for i, j in np.ndindex(*table.shape):
            if table[i, j]:
                axes.text(j, i, table[i, j], ha="center", va="center", color="white" if shares[i, j] > 0.5 else "black", size=7)
    with replacing(path) as temporary:
        canvas.savefig(temporary, dpi=100)


def figure(size):
    """A matplotlib figure of `size` inches, or None without matplotlib: a missing package must not end a training."""
    if find_spec("matplotlib") is None:
        return None
    from matplotlib.figure import Figure

    # Not from pyplot: this class needs no display and keeps no global state.
    return Figure(figsize=size, layout="constrained")
