"""The rule by which Keras's own methods check images and flat vectors, see `zoo.models.base.inputs`."""

from collections.abc import Mapping

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image import check_images, check_probabilities, is_image_shape, wrong_shape


class ImageRule:
    """The inputs that a model accepts: raw inputs of a given shape and, for a model with images as outputs, images as targets.

    Contains plain values and no model, because worker processes of a `PyDataset` get a copy.

    Args:
        shapes: accepted shapes of one input; None stands for an axis of any length.
        target_shape: shape of one target; None for models whose targets are not images.
        probabilities: whether vectors that a loss is computed from must be in 0..1.
    """

    def __init__(self, shapes, target_shape=None, probabilities=False):
        self.shapes = tuple(tuple(shape) for shape in shapes)
        self.target_shape = target_shape
        self.probabilities = probabilities

    def converted(self, x):
        """What Keras's methods are given, as Keras takes it: unchanged, because images are arrays or data sets already."""
        return x

    def check(self, x, y=None, compared=False):
        """Raise ZooError unless the model accepts the arrays `x`, and `y` if given; `compared`: a loss is computed from them."""
        if isinstance(x, Mapping):
            raise ZooError(f"got a mapping of {', '.join(map(str, x))}, expected images only; only cvae and m2_vae use labels.")
        self.check_input(x)
        target = x if y is None else y
        if self.target_shape is None or not compared or np.shape(target)[1:] != tuple(self.target_shape):
            # Targets of a wrong shape are rejected by the model, which may accept other targets.
            return
        if y is not None:
            check_images(y, self.target_shape)
        if self.probabilities and not is_image_shape(self.target_shape):
            check_probabilities(target)

    def check_input(self, x):
        """Raise ZooError unless the model accepts the array (N, ...)."""
        came = np.shape(x)
        shape = next((shape for shape in self.shapes if _fits(came, shape)), self.shapes[-1])
        check_images(x, tuple(n or m for n, m in zip(shape, came[1:])) if len(came) == len(shape) + 1 else shape)

    def check_shape(self, x):
        """Raise ZooError if a tensor, or an input of a functional model, has another shape; its values are not known yet."""
        check_shape(x, self.shapes)

    def checked_part(self, batch, compared):
        """The part (x,) or (x, y) of a batch that `check` takes."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        return (x, y) if compared and y is not None and self.target_shape is not None else (x,)

    def is_always_valid(self, kinds):
        """Whether batches with these dtypes need no check of their values, because bytes cannot be out of range."""
        return all(kind == "uint8" for kind in kinds)


def check_shape(x, shapes):
    """Raise ZooError unless the shape of `x` is that of a batch of inputs of one of `shapes`.

    Axes of unknown length are accepted in a graph, but not in an input of a functional model, which declares its shape.
    """
    came = getattr(x, "shape", None)
    if came is None or getattr(came, "rank", 0) is None:
        return
    came, declared = tuple(came), isinstance(x, keras.KerasTensor)
    if not any(_fits(came, shape, declared) for shape in shapes):
        raise ZooError(wrong_shape("inputs", came, shapes[-1]))


def _fits(came, shape, declared=True):
    """Whether `came` is (N, *shape); `declared`: an axis of unknown length is not accepted where a length is expected."""
    unknown = () if declared else (None,)
    return len(came) == len(shape) + 1 and all(n in (None, m) or m in unknown for n, m in zip(shape, came[1:]))
