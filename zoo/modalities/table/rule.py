"""The rule by which Keras's own methods check tables, see `zoo.models.base.inputs`."""

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image_rule import check_shape
from zoo.modalities.table import frames


class TableRule:
    """Rows of a table: data frames become raw arrays; arrays (N, C) are checked for their shape.

    Args:
        table: a `zoo.modalities.table.Table` without a layer, because worker processes of a `PyDataset` get a copy.
    """

    def __init__(self, table):
        self.table = table

    def converted(self, x):
        """The raw array of a data frame or of an array (N, C); data sets are unchanged."""
        if isinstance(x, np.ndarray) or not frames.is_array(x):
            return self.table.check(x)
        return x

    def check(self, x, y=None, compared=False):
        """Raise ZooError unless `x` is an array (N, C) of numbers."""
        shape = np.shape(x)
        if len(shape) != 2 or shape[1] != len(self.table.columns):
            raise ZooError(f"got rows of shape {shape}, expected a table (N, {len(self.table.columns)}).")

    def check_shape(self, x):
        """Raise ZooError if a tensor, or an input of a functional model, has another shape; its values are not known yet."""
        check_shape(x, [(len(self.table.columns),)])

    def checked_part(self, batch, compared):
        """The part (x,) of a batch that `check` takes."""
        return (keras.utils.unpack_x_y_sample_weight(batch)[0],)

    def is_always_valid(self, kinds):
        """False: shapes are checked for every type."""
        return False
