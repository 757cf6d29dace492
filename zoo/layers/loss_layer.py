"""The base of every layer that adds terms to the training loss."""

import dataclasses

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of a loss.

    Attributes:
        mean: the value added to the loss of a batch, a scalar tensor.
        each: the values of the examples, (N,), whose mean is `mean`; None for a term that is defined only for a whole batch.
        of_weights: whether it is a penalty on the model's weights, which does not depend on the examples.
    """

    mean: object
    each: object = None
    of_weights: bool = False

    def weighted(self, sample_weight):
        """The value for the loss, a scalar, with the examples weighted by `sample_weight` (N,), or equally if None."""
        return self.mean if sample_weight is None or self.each is None else ops.mean(self.each * sample_weight)


def term(value, of_weights=False):
    """The `Term` of values per example, (N,), or of the scalar of a batch; in float32, because large sums overflow float16."""
    value = ops.cast(value, "float32")
    return Term(ops.mean(value), value) if len(value.shape) else Term(value, None, of_weights)


class LossLayer(keras.layers.Layer):
    """A layer that adds named terms to the training loss.

    A subclass lists its terms in `loss_names` and calls `add_term` once for each of them in every call. `Autoencoder` shows each
    term under its name in the progress bar and the history.
    """

    loss_names = ()

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # Bypasses Keras, which wraps mappings in attributes to find layers in them.
        object.__setattr__(self, "terms", {})

    def add_term(self, name, value, of_weights=False):
        """Add the mean of `value` to the loss, under `name`.

        Args:
            name: one of `loss_names`.
            value: a tensor, (N,) with one number per example, or a scalar for a term that is defined only for a whole batch.
            of_weights: whether a scalar is a penalty on the weights, independent of the batch.
        """
        self.terms[name] = term(value, of_weights)
        self.add_loss(self.terms[name].mean)
