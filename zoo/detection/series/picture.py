"""A picture of a series, what the model expected of it, and its scores."""

import numpy as np

from zoo.errors import ZooError
from zoo.utils.distributions import missing_package

# Channels beyond so many are not drawn.
_MOST = 8


def plot_series(detector, x, path=None):
    """A `matplotlib` figure of a series: its channels and their reconstruction, and below the scores, threshold and alarms.

    Args:
        detector: a fitted `SeriesOutlierDetector`.
        x: a series, see there.
        path: file to write the figure to, .png, .svg or .pdf; None to write none.

    Raises:
        ZooError: if the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_package("drawing a series", "matplotlib") from None
    series = detector.model_.modality
    steps, expected, scores = series.steps(x), detector.expected(x), -detector.score_samples(x)
    alarms = np.flatnonzero(scores > detector.threshold_.value)
    shown = detector.scorer_.target[:_MOST]
    figure = Figure(figsize=(12, 1.8 * (len(shown) + 1)), layout="constrained")
    axes = figure.subplots(len(shown) + 1, 1, sharex=True)
    rows = np.arange(len(steps.places))
    for i, axis in zip(shown, axes):
        axis.plot(rows, steps.values[steps.places, i] + series.origins[i], lw=0.8, label="series")
        axis.plot(rows, expected[:, i], lw=0.8, label="expected" if detector.causal else "reconstruction")
        for row in alarms:
            axis.axvline(row, color="tab:red", alpha=0.2, lw=1)
        axis.set_ylabel(series.channels[i])
    axes[0].legend(loc="upper right")
    axes[-1].plot(rows, scores, color="black", lw=0.8)
    axes[-1].axhline(detector.threshold_.value, color="tab:red", lw=0.8)
    axes[-1].set(ylabel="score", xlabel=f"row; {detector.threshold_.rate:g} false alarms per normal step")
    if path is not None:
        try:
            figure.savefig(path, dpi=120)
        except (OSError, ValueError) as error:
            raise ZooError(f"the figure could not be written to {path}: {str(error).splitlines()[0]}.") from None
    return figure
