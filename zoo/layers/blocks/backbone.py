"""Encoders and decoders of the zoo: sequences of named stages."""

import keras

from zoo.utils.numbers import check_at_least


class Backbone(keras.layers.Layer):
    """Runs its stages in order.

    Args:
        stages: layers.
        names: for each stage its name if its output can serve as features, otherwise None; by default all None.
    """

    def __init__(self, stages, names=None, **kwargs):
        super().__init__(**kwargs)
        self.stages = list(stages)
        self._names = tuple(names or [None] * len(stages))

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts, first to last."""
        return [name for name in self._names if name]

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        # Stage by stage, building each on the way: by default Keras traces the whole chain, which takes most of the build time.
        x = keras.KerasTensor(input_shape)
        for stage in self.stages:
            x = stage(x)
        return x.shape

    def call(self, x):
        for stage in self.stages:
            x = stage(x)
        return x

    def every(self, x):
        """The outputs of all named stages, first to last."""
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


class BackboneWrapper(keras.layers.Layer):
    """Base of an encoder that wraps another and exposes its depths.

    Args:
        net: the wrapped encoder.
    """

    def __init__(self, net, **kwargs):
        super().__init__(**kwargs)
        self.net = net

    def image(self, x):
        """The part of the input that `net` takes."""
        return x

    def build(self, input_shape):
        self.net(self.image(keras.KerasTensor(input_shape)))
        self.built = True

    @property
    def stage_names(self):
        """Names of the depths that `until` accepts."""
        return self.net.stage_names

    def until(self, x, name):
        """The output of the depth called `name`."""
        return self.net.until(self.image(x), name)

    def depths(self):
        """Mapping of the name of every depth to the layers that lead to it from the one before."""
        return self.net.depths()


class Pair:
    """An encoder and a function that builds the matching decoder.

    Args:
        encoder: a `Backbone`, or a `LinearPathEncoder`.
        decoder: function (code_shape, outputs) -> `Backbone` from codes (N, *code_shape) to (N, *input_shape[:-1], outputs).
        linear_path: whether `decoder` builds a network from images to outputs, to follow a linear map of the code.
    """

    def __init__(self, encoder, decoder, linear_path=False):
        self.encoder = encoder
        self.decoder = decoder
        self.linear_path = linear_path


def regularizer(weight_decay):
    """The L2 penalty of `weight_decay`, or None for 0."""
    check_at_least(0, weight_decay=weight_decay)
    return keras.regularizers.L2(weight_decay) if weight_decay else None
