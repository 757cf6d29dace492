"""Anomaly scores and maps, which show where an image is anomalous; higher is more anomalous.

Names are imported on first use, so that the parts of this package that models use do not load the others.
"""

from zoo.utils.lazy import lazy_names

_HOMES = {
    "AnomalyDetector": "zoo.anomaly.detector",
    "COMBINED": "zoo.anomaly.detector",
    "PatchDetector": "zoo.anomaly.patches",
    "distance": "zoo.anomaly.detector",
    "robust_maximum": "zoo.anomaly.maps",
    "spread": "zoo.anomaly.detector",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
