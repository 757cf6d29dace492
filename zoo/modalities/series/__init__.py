"""Time series: channels of numbers over time, with gaps and changing rates, as windows. `fit` learns what a series is like."""

from zoo.utils.lazy import lazy_names

_HOMES = {"fit": "zoo.modalities.series.series", "Series": "zoo.modalities.series.series"}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
