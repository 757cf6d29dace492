"""A chain of named stages: what every encoder and decoder of the zoo is."""

import keras

from zoo.utils.numbers import check_at_least


class Backbone(keras.layers.Layer):
    """Runs its stages in order.

    Args:
        stages: layers.
        names: a name for each of those whose output can serve as features, None for the others; by default all None.
    """

    def __init__(self, stages, names=None, **kwargs):
        super().__init__(**kwargs)
        self.stages = list(stages)
        self._names = tuple(names or [None] * len(stages))

    @property
    def stage_names(self):
        """Names of the depths that `until` can stop at, first to last."""
        return [name for name in self._names if name]

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        # Stage by stage, each built on the way: by itself Keras traces the whole chain, which takes longer than all else.
        x = keras.KerasTensor(input_shape)
        for stage in self.stages:
            x = stage(x)
        return x.shape

    def call(self, x):
        for stage in self.stages:
            x = stage(x)
        return x

    def every(self, x):
        """The outputs of all stages that have a name, first to last."""
        found = []
        for stage, name in zip(self.stages, self._names):
            x = stage(x)
            found += [x] if name else []
        return found

    def until(self, x, name):
        """The output of the stage called `name`."""
        for stage in self.stages[: self._names.index(name) + 1]:
            x = stage(x)
        return x

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        found, layers = {}, []
        for stage, name in zip(self.stages, self._names):
            layers.append(stage)
            if name:
                found[name], layers = layers, []
        return found


class Around(keras.layers.Layer):
    """Base of an encoder around another, whose depths are its own.

    Args:
        net: the encoder inside.
    """

    def __init__(self, net, **kwargs):
        super().__init__(**kwargs)
        self.net = net

    def image(self, x):
        """What `net` reads of the input."""
        return x

    def build(self, input_shape):
        self.net(self.image(keras.KerasTensor(input_shape)))
        self.built = True

    @property
    def stage_names(self):
        """Names of the depths that `until` can stop at."""
        return self.net.stage_names

    def until(self, x, name):
        """The output of the depth called `name`."""
        return self.net.until(self.image(x), name)

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        return self.net.depths()


class Pair:
    """An encoder and the recipe of its mirror image.

    Args:
        encoder: a `Backbone`, or a `LinearPathEncoder`.
        decoder: function (code_shape, outputs) -> `Backbone` from codes (N, *code_shape) to (N, *input_shape[:-1], outputs).
        linear_path: whether `decoder` makes a network from images to outputs, to stand behind a linear map of the code.
    """

    def __init__(self, encoder, decoder, linear_path=False):
        self.encoder = encoder
        self.decoder = decoder
        self.linear_path = linear_path


def regularizer(weight_decay):
    """The L2 penalty of `weight_decay`, or None for 0."""
    check_at_least(0, weight_decay=weight_decay)
    return keras.regularizers.L2(weight_decay) if weight_decay else None
