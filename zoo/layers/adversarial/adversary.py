"""An adversary: a discriminator with both sides of its game in one pass, each side's gradient on its own side only."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone
from zoo.utils.numbers import is_whole


class Adversary(keras.layers.Layer):
    """A discriminator that one optimizer trains beside those whom it judges (Goodfellow et al. 2014, arXiv:1406.2661).

    `own(x)` judges with a gradient for the discriminator's weights and none for x: what its own loss is made of. `exerted(x)`
    judges the same with a gradient for x and none for the weights: what it costs others to be told apart. Both give the
    network's outputs, float32. Their losses are `detection` and `deception`. `both(x)` is the two of them.

    Args:
        network: a layer from inputs (N, ...) to logits (N, 1), or to a tuple of these and more. What it keeps besides its
            weights (a dropout's seed, a normalization's moments) is not updated.
        rate: factor on the learning rate of the network. One optimizer has one rate, and Adam undoes any factor on a loss; so the
            network computes with `rate` times what the optimizer sees and steps (the equalized learning rate of Karras et al.
            2018, arXiv:1710.10196). Under plain SGD the factor is the square of `rate`.
    """

    def __init__(self, network, rate=1.0, **kwargs):
        super().__init__(**kwargs)
        if not rate > 0:
            raise ZooError(f"got a discriminator's rate of {rate!r}, expected a positive factor on the learning rate.")
        self.network = network
        self.rate = rate

    def build(self, input_shape):
        self.network.build(input_shape)
        for variable in self.network.trainable_variables:
            # What the network computes with begins where its initializers say.
            variable.assign(variable / self.rate)
        # Which these are is settled here: frozen later, they are no longer among the trainable ones, and are divided still.
        self._learned = frozenset(id(variable) for variable in self.network.trainable_variables)
        self.built = True

    def own(self, x):
        """The network's outputs for x (N, ...); no gradient for x."""
        return self._own(self._weights(), x)

    def exerted(self, x):
        """The network's outputs for x (N, ...); no gradient for the network's weights."""
        return self._exerted(self._weights(), x)

    def both(self, x):
        """`own(x)` and `exerted(x)`. The weights are read once, so that a compiler sees that both have one forward pass."""
        weights = self._weights()
        return self._own(weights, x), self._exerted(weights, x)

    def call(self, x):
        return self.own(x)

    def _weights(self):
        """What the network computes with, by the identity of the variable."""
        return {id(v): self.rate * ops.convert_to_tensor(v) for v in self.network.variables if id(v) in self._learned}

    def _own(self, weights, x):
        return self._run(weights, ops.stop_gradient(x))

    def _exerted(self, weights, x):
        return self._run({key: ops.stop_gradient(weight) for key, weight in weights.items()}, x)

    def _run(self, weights, x):
        def values(variables):
            return [weights[id(v)] if id(v) in weights else ops.convert_to_tensor(v) for v in variables]

        trainable, others = values(self.network.trainable_variables), values(self.network.non_trainable_variables)
        outputs, _ = self.network.stateless_call(trainable, others, x)
        return keras.tree.map_structure(lambda output: ops.cast(output, "float32"), outputs)


def detection(real, made):
    """The discriminator's loss, a scalar in nats, from its logits (N, 1) for real and for made rows; log 4 at chance."""
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(made))


def deception(made):
    """The loss of those who made rows with logits (N, 1), a scalar in nats: -log of the chance that they pass for real."""
    return ops.mean(ops.softplus(-made))


def dense_discriminator(units):
    """Fully connected layers of so many `units` with leaky rectifiers, and a logit: (N, D) -> (N, 1)."""
    if not all(is_whole(n) and n > 0 for n in units):
        raise ZooError(f"got discriminator={units!r}, expected the units of every hidden layer, such as (1000, 1000).")
    hidden = [keras.layers.Dense(n, activation="leaky_relu", kernel_initializer="he_normal") for n in units]
    return Backbone([*hidden, keras.layers.Dense(1)])
