"""A discriminator and a generator trained in one pass: the gradient of each loss reaches only the weights it belongs to."""

import keras
from keras import ops

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone
from zoo.utils.numbers import is_whole


class Adversary(keras.layers.Layer):
    """A discriminator trained by the same optimizer as the network that it judges (Goodfellow et al. 2014, arXiv:1406.2661).

    `for_discriminator(x)` returns outputs with a gradient for the discriminator's weights and none for x, for
    `discriminator_loss`. `for_generator(x)` returns the same outputs with a gradient for x and none for the weights, for
    `generator_loss`. Both return the network's outputs, float32. `for_both(x)` returns the two.

    Args:
        network: a layer from inputs (N, ...) to logits (N, 1), or to a tuple of these and further outputs. Its non-trainable
            state (a dropout's seed, a normalization's moments) is not updated.
        rate: factor on the learning rate of the network. An optimizer has a single learning rate, and Adam cancels any factor on
            a loss. Therefore the network computes with `rate` times the weights that the optimizer updates (the equalized
            learning rate of Karras et al. 2018, arXiv:1710.10196). With plain SGD the factor is the square of `rate`.

    Raises:
        ZooError: if the rate is not positive.
    """

    def __init__(self, network, rate=1.0, **kwargs):
        super().__init__(**kwargs)
        if not rate > 0:
            raise ZooError(f"got a discriminator rate of {rate!r}, expected a positive factor on the learning rate.")
        self.network = network
        self.rate = rate

    def build(self, input_shape):
        self.network.build(input_shape)
        for variable in self.network.trainable_variables:
            # The effective weights start with the values that the initializers give.
            variable.assign(variable / self.rate)
        # The set is fixed here: weights that are frozen later leave `trainable_variables`, but their values are still divided.
        self._learned = frozenset(id(variable) for variable in self.network.trainable_variables)
        self.built = True

    def for_discriminator(self, x):
        """The network's outputs for x (N, ...); no gradient for x."""
        return self._for_discriminator(self._weights(), x)

    def for_generator(self, x):
        """The network's outputs for x (N, ...); no gradient for the network's weights."""
        return self._for_generator(self._weights(), x)

    def for_both(self, x):
        """`for_discriminator(x)` and `for_generator(x)`, with weights read once, so that compilers recognize one forward pass."""
        weights = self._weights()
        return self._for_discriminator(weights, x), self._for_generator(weights, x)

    def call(self, x):
        return self.for_discriminator(x)

    def _weights(self):
        """The effective weights, keyed by the `id` of the variable."""
        return {id(v): self.rate * ops.convert_to_tensor(v) for v in self.network.variables if id(v) in self._learned}

    def _for_discriminator(self, weights, x):
        return self._run(weights, ops.stop_gradient(x))

    def _for_generator(self, weights, x):
        return self._run({key: ops.stop_gradient(weight) for key, weight in weights.items()}, x)

    def _run(self, weights, x):
        def values(variables):
            return [weights[id(v)] if id(v) in weights else ops.convert_to_tensor(v) for v in variables]

        trainable, others = values(self.network.trainable_variables), values(self.network.non_trainable_variables)
        outputs, _ = self.network.stateless_call(trainable, others, x)
        return keras.tree.map_structure(lambda output: ops.cast(output, "float32"), outputs)


def discriminator_loss(real, generated):
    """The discriminator's loss, a scalar in nats, from its logits (N, 1) for real and generated rows; log 4 at chance level."""
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(generated))


def generator_loss(generated):
    """The generator's loss, a scalar in nats, from the logits (N, 1) of generated rows: mean of -log p(real)."""
    return ops.mean(ops.softplus(-generated))


def dense_discriminator(units):
    """Dense layers of the given `units` with leaky ReLU, and a logit: (N, D) -> (N, 1). Raises ZooError if `units` is invalid."""
    if not all(is_whole(n) and n > 0 for n in units):
        raise ZooError(f"got discriminator={units!r}, expected the number of units of each hidden layer, such as (1000, 1000).")
    hidden = [keras.layers.Dense(n, activation="leaky_relu", kernel_initializer="he_normal") for n in units]
    return Backbone([*hidden, keras.layers.Dense(1)])
