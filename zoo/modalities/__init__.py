"""Raw data: checks, and conversion to the inputs of models."""

from zoo.utils.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__, dict.fromkeys(("image", "images", "modality", "table")))
