"""AdamW with a separate learning rate for every depth (Howard & Ruder 2018, arXiv:1801.06146; Bao et al. 2022, BEiT)."""

from zoo.optimizers.adam import AdamW
from zoo.utils.keras_internals import variable_index


class DepthwiseAdamW(AdamW):
    """AdamW that multiplies the learning rate by a factor for each variable.

    Args:
        factors: mapping of `id(variable)` to factor; 1 for others.
        **kwargs: arguments of `keras.optimizers.AdamW`.
    """

    def __init__(self, factors, **kwargs):
        super().__init__(**kwargs)
        self._factors = dict(factors)

    def build(self, variables):
        super().build(variables)
        # By index: TensorFlow updates variables of its own instead of these.
        self._factor_at = [self._factors.get(id(variable), 1.0) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factor_at[variable_index(self, variable)]
        super().update_step(gradient, variable, learning_rate * factor)


def factors(groups, decay):
    """Mapping of `id(variable)` to factor: `decay` to the power of the number of groups after that of the variable.

    Args:
        groups: lists of variables, from the input to the head.
        decay: in (0, 1]; 1 gives all variables the same rate.
    """
    last = len(groups) - 1
    return {id(variable): decay ** (last - place) for place, group in enumerate(groups) for variable in group}
