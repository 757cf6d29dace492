"""Anomaly detection in time series: a score at every step, streams, thresholds with a stated rate of false alarms, pictures."""

from zoo.utils.lazy import lazy_names

_HOMES = {
    "SeriesOutlierDetector": "zoo.detection.series.detector",
    "SeriesScorer": "zoo.detection.series.scorer",
    "Bounds": "zoo.detection.series.bounds",
    "Surprise": "zoo.detection.series.surprise",
    "calibrate": "zoo.detection.series.threshold",
    "SeriesStream": "zoo.detection.series.stream",
    "plot_series": "zoo.detection.series.picture",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
