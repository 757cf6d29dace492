"""Anomaly detection in time series: a score at every step, streams, thresholds with a stated rate of false alarms, pictures."""

from zoo.utils.lazy import lazy_names

_HOMES = {
    "SeriesOutlierDetector": "zoo.series.detector",
    "SeriesScorer": "zoo.series.scorer",
    "Surprise": "zoo.series.surprise",
    "calibrate": "zoo.series.threshold",
    "plot_series": "zoo.series.picture",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
