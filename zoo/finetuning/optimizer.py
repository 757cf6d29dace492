"""AdamW with a learning rate of its own for every depth (Howard & Ruder 2018, arXiv:1801.06146; Bao et al. 2022, BEiT)."""

from zoo.optimizers.adam import AdamW


class DepthwiseAdamW(AdamW):
    """AdamW whose learning rate is multiplied, for every variable, by a factor of its own.

    Args:
        factors: mapping of `id(variable)` to factor; 1 for others.
        **kwargs: of `keras.optimizers.AdamW`.
    """

    def __init__(self, factors, **kwargs):
        super().__init__(**kwargs)
        self._factors = dict(factors)

    def build(self, variables):
        super().build(variables)
        # By place: TensorFlow updates variables of its own in place of these.
        self._factor_at = [self._factors.get(id(variable), 1.0) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factor_at[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)


def factors(groups, decay):
    """Factor of every variable by `id`: `decay` to the number of depths between it and the last group.

    Args:
        groups: lists of variables, from the image to the head.
        decay: in (0, 1]; 1 gives all one rate.
    """
    last = len(groups) - 1
    return {id(variable): decay ** (last - place) for place, group in enumerate(groups) for variable in group}
