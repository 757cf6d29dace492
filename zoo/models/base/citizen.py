"""What makes a model of the zoo a model like any other to Keras: a config to build it from again, and shapes that are known.

A config is plain data: the zoo's own config of the whole model, which of its parts this is, the precision and what is frozen.
`from_config` builds the whole through the registry and takes the part; weights, and the state of the optimizer, come back by
Keras's own walk of attributes. So `save`, `load_model`, `clone_model`, `copy` and `pickle` are all Keras's own.
"""

from collections.abc import Mapping

import keras

from zoo.errors import ZooError
from zoo.models import registry
from zoo.utils.keras_internals import flatten_layers, own_variables, walk
from zoo.utils.precision import computing_in

_PACKAGE = "zoo"


def registered(name):
    """Register a class, and those derived from it, with Keras under the package `zoo` as `name`.

    One name for all of them: the config says which variant to build, so that a file may name a variant whose module is not
    imported yet.
    """

    def register(cls):
        cls.registered_as, cls.registered_class = name, cls
        return _register(cls, name)

    return register


def _register(cls, name):
    return keras.saving.register_keras_serializable(package=_PACKAGE, name=name)(cls)


class Shaped:
    """To stand before `keras.Model` among the bases of a model with `data_shape`, the shape of one input."""

    @property
    def input_shape(self):
        """(None, ...): the shape of a batch of inputs."""
        return (None, *self.data_shape)

    @property
    def output_shape(self):
        """(None, ...): the shape of a batch of outputs."""
        found = self.__dict__.get("_output_shape")
        if found is None:
            output = self.compute_output_spec(keras.KerasTensor(self.input_shape, dtype="float32"))
            # Past Keras, which would keep its own kind of tuple.
            found = self.__dict__["_output_shape"] = tuple(output.shape)
        return found

    def export(self, *args, **kwargs):
        """As `keras.Model.export`, of a model that was not called yet, too."""
        self(keras.KerasTensor(self.input_shape, dtype="float32"))
        return super().export(*args, **kwargs)


class Citizen(Shaped):
    """A model, or the part of one, that the registry builds from the mapping `config`.

    `part` is the name of the attribute of the whole model that this is, None for the whole.
    """

    part = None
    config = None
    registered_class = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.registered_class is not None:
            _register(cls, cls.registered_as)
            # The name itself goes on to stand for the class that all of them derive from.
            _register(cls.registered_class, cls.registered_as)

    def get_config(self):
        if not self.config:
            raise ZooError(f"{self.name} belongs to no model of zoo.create or zoo.load; only those can be built again.")
        check_plain(self.config)
        return {**state(self), "config": dict(self.config)}

    @classmethod
    def from_config(cls, config):
        config = _of_keys(config, "config")
        with computing_in(_precision(config)):
            whole = registry.build(config["config"])
        model = whole if cls.part is None else getattr(whole, cls.part, None)
        if not isinstance(model, cls):
            raise ZooError(f"got the config of a {whole.name}, which is no {cls.__name__}.")
        return with_state(model, config)


class Around(Shaped):
    """A model around an encoder of the zoo, which its config holds whole: what several models share in one file stays shared.

    `settings` are the names of the attributes that are its other arguments.
    """

    settings = ()

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**state(self), "encoder": encoder, **{name: getattr(self, name) for name in self.settings}}

    @classmethod
    def from_config(cls, config):
        config = _of_keys(config, "encoder", *cls.settings)
        inner = config["encoder"]
        if not isinstance(inner, Mapping) or inner.get("registered_name") not in _encoders():
            raise ZooError(f"the config of a {cls.__name__} holds {inner!r:.80}, expected an encoder of the zoo.")
        settings = {name: config[name] for name in cls.settings}
        check_plain(settings)
        with computing_in(_precision(config)):
            model = cls(keras.saving.deserialize_keras_object(inner), **settings)
        return with_state(model, config)


def _encoders():
    return [f"{_PACKAGE}>{name}" for name in ("Encoder", "FeatureExtractor")]


def state(model):
    """What a config keeps of any model: its name, its precision, what of it is frozen.

    Raises:
        ZooError: for a quantized model, whose variables are others than a new one's.
    """
    if any(getattr(layer, "quantization_mode", None) for layer in flatten_layers(model)):
        raise ZooError(
            f"{model.name} is quantized, which its config cannot say: save, copy or clone the model before it is quantized, or "
            "export it."
        )
    frozen, odd = [], []
    for path, layer in walk(model):
        if not layer.trainable:
            frozen.append("/".join(path))
        odd += ["/".join((*path, v.name)) for v in own_variables(layer)[0] if v.trainable != layer.trainable]
    return {"name": model.name, "dtype": model.dtype_policy.name, "frozen": frozen, "frozen_apart": odd}


def with_state(model, config):
    """The model, named and frozen as `state` found another."""
    model.name = config["name"]
    frozen, odd = set(config["frozen"]), set(config["frozen_apart"])
    for path, layer in list(walk(model)):
        # A layer's flag is set for all those inside it, which come after it.
        flag = "/".join(path) not in frozen
        if layer.trainable != flag:
            layer.trainable = flag
        for variable in own_variables(layer)[0]:
            if "/".join((*path, variable.name)) in odd:
                variable.trainable = not layer.trainable
    return model


def _of_keys(config, *more):
    """A config that holds what it must, each of its kind; nothing else of it is looked at."""
    kinds = {"name": str, "dtype": str, "frozen": (list, tuple), "frozen_apart": (list, tuple), **dict.fromkeys(more, object)}
    for key, kind in kinds.items():
        if key not in config or not isinstance(config[key], kind):
            raise ZooError(f"got a config whose {key!r} is {config.get(key)!r:.80}; it was not written by this zoo.")
    return config


def _precision(config):
    try:
        return keras.dtype_policies.get(config["dtype"])
    except (ValueError, TypeError) as error:
        raise ZooError(f"got the dtype policy {config['dtype']!r}, which Keras does not know.") from error


def check_plain(config):
    """`ZooError` where a config holds anything but numbers, strings, lists of these, a loss's settings and a config inside."""
    registry.check_plain(config)
