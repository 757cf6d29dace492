"""Tables: rows with columns of numbers, categories, booleans and dates, with gaps. `fit` learns the columns of a table."""

from zoo.utils.lazy import lazy_names

_HOMES = {"fit": "zoo.modalities.table.table", "Table": "zoo.modalities.table.table"}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOMES)
