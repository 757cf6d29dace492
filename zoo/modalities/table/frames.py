"""What users hand in as a table: pandas and polars data frames, Arrow tables, mappings of columns, arrays."""

from collections.abc import Mapping

import numpy as np

from zoo.errors import ZooError
from zoo.utils.distributions import missing_package


def is_array(x):
    """Whether `x` is an array, or what NumPy converts to one, and no table with names of columns."""
    return not (isinstance(x, Mapping) or hasattr(x, "columns") or hasattr(x, "__arrow_c_stream__"))


def frame_of(x):
    """A `pandas.DataFrame` with texts as unique names of columns; an array (N, C) gets the names "0", "1", ...

    Raises:
        ZooError: if `x` is no table, has two columns of one name, or pandas is missing.
    """
    try:
        import pandas
    except ImportError:
        raise missing_package("a table with names or text", "pandas") from None
    if isinstance(x, pandas.DataFrame):
        frame = x
    elif isinstance(x, Mapping):
        frame = pandas.DataFrame(dict(x))
    elif not is_array(x):
        try:
            import pyarrow
        except ImportError:
            raise missing_package("a table of another library than pandas", "pyarrow") from None
        frame = pyarrow.table(x).to_pandas()
    else:
        array = np.asarray(x)
        if array.ndim != 2:
            raise ZooError(f"got an array of shape {array.shape}, expected a table (rows, columns).")
        frame = pandas.DataFrame(array)
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise ZooError(f"the table has several columns called {repeated[0]!r}, expected a name of its own for each; rename them.")
    return frame if list(frame.columns) == names else frame.set_axis(names, axis=1)


def like(columns, x):
    """A data frame of `columns`, a mapping of name to values, of the library of `x` and with its index."""
    kind = type(x).__module__.partition(".")[0]
    if kind == "polars":
        import polars

        return polars.DataFrame(columns)
    if kind == "pyarrow":
        import pyarrow

        return pyarrow.table(columns)
    import pandas

    return pandas.DataFrame(columns, index=getattr(x, "index", None))
