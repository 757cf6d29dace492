"""The base of every layer that adds terms to the training loss."""

import dataclasses

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of a loss.

    Attributes:
        mean: what it adds to the loss of a batch, a scalar tensor.
        each: its value for every example, (N,), whose mean that is; None for a term that the whole batch has.
        of_weights: whether it is a penalty of the model's weights, which no example has a share in.
    """

    mean: object
    each: object = None
    of_weights: bool = False

    def weighted(self, sample_weight):
        """Its part of the loss, a scalar, where every example counts by `sample_weight` (N,), or equally for None."""
        return self.mean if sample_weight is None or self.each is None else ops.mean(self.each * sample_weight)


def term(value, of_weights=False):
    """The `Term` of a value for every example, (N,), or of the scalar of a batch; float32, as sums of many overflow half."""
    value = ops.cast(value, "float32")
    return Term(ops.mean(value), value) if len(value.shape) else Term(value, None, of_weights)


class LossLayer(keras.layers.Layer):
    """A layer that adds terms to the training loss under names of its own.

    A subclass lists its terms in `loss_names` and calls `add_term` once for each of them whenever it is called. `Autoencoder`
    shows every term in the progress bar and the history under its name.
    """

    loss_names = ()

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # Keras wraps mappings that it finds on attributes, to look for layers in them.
        object.__setattr__(self, "terms", {})

    def add_term(self, name, value, of_weights=False):
        """Add to the loss the mean of `value`, under `name`.

        Args:
            name: one of `loss_names`.
            value: a tensor, (N,) with one number for every example, or a scalar for a term that only a whole batch has.
            of_weights: whether a scalar is a penalty of the weights, whatever the batch.
        """
        self.terms[name] = term(value, of_weights)
        self.add_loss(self.terms[name].mean)
