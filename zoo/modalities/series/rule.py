"""The rule by which Keras's own methods check series, see `zoo.models.base.inputs`."""

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image_rule import check_shape
from zoo.modalities.table import frames


class SeriesRule:
    """Windows (N, length, channels); series as data frames or arrays (T, channels) become windows.

    Args:
        series: a `zoo.modalities.series.series.Series`; a copy without a layer is kept, because worker processes of a
            `PyDataset` get a copy of the rule.
    """

    def __init__(self, series):
        self.series = type(series).from_spec(series.spec())
        self.shape = series.data_shape(None)

    def converted(self, x):
        """The raw array of a series or of windows; data sets are unchanged."""
        return self.series.check(x) if isinstance(x, np.ndarray) or not frames.is_array(x) else x

    def check(self, x, y=None, compared=False):
        """Raise ZooError unless `x` is an array of windows."""
        shape = np.shape(x)
        if shape[1:] != self.shape:
            raise ZooError(f"got windows of shape {shape}, expected (N, {', '.join(map(str, self.shape))}).")

    def check_shape(self, x):
        """Raise ZooError if a tensor, or an input of a functional model, has another shape; its values are not known yet."""
        check_shape(x, [self.shape])

    def checked_part(self, batch, compared):
        """The part (x,) of a batch that `check` takes."""
        return (keras.utils.unpack_x_y_sample_weight(batch)[0],)

    def is_always_valid(self, kinds):
        """False: shapes are checked for every type."""
        return False
