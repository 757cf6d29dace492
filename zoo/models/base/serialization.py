"""Keras serialization of the zoo's models: configs to rebuild them from, and known input and output shapes.

A config is plain data: the zoo's config of the whole model, the name of the part, the precision, and the frozen layers.
`from_config` builds the whole model by the registry and returns the part; Keras restores weights and optimizer state by
attribute. Therefore `save`, `load_model`, `clone_model`, `copy` and `pickle` work as for any Keras model.
"""

from collections.abc import Mapping

import keras

from zoo.errors import ZooError
from zoo.models import registry
from zoo.utils.keras_internals import flatten_layers, own_variables, walk
from zoo.utils.precision import computing_in

_PACKAGE = "zoo"


def registered(name):
    """Register a class and its subclasses with Keras, in the package `zoo`, as `name`.

    All share one name, because the config names the variant to build; this way, the variant's module need not be imported yet.
    """

    def register(cls):
        cls.registered_as, cls.registered_class = name, cls
        return _register(cls, name)

    return register


def _register(cls, name):
    return keras.saving.register_keras_serializable(package=_PACKAGE, name=name)(cls)


class Shaped:
    """Mixin, before `keras.Model` in the bases, for models with `data_shape`, the shape of one input."""

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
            # Bypasses Keras, which would store its own tuple type.
            found = self.__dict__["_output_shape"] = tuple(output.shape)
        return found

    def export(self, *args, **kwargs):
        """As `keras.Model.export`, also for a model that has not been called yet."""
        self(keras.KerasTensor(self.input_shape, dtype="float32"))
        return super().export(*args, **kwargs)


class Serializable(Shaped):
    """Mixin, before `keras.Model` in the bases, for a model, or a part of one, that the registry builds from `config`, a mapping.

    `part` is the name of this part's attribute in the whole model, or None for the whole model.
    """

    part = None
    config = None
    registered_class = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.registered_class is not None:
            _register(cls, cls.registered_as)
            # The name still refers to the base class.
            _register(cls.registered_class, cls.registered_as)

    def get_config(self):
        if not self.config:
            raise ZooError(f"{self.name} was not created by zoo.create or zoo.load and cannot be rebuilt from a config.")
        registry.check_plain(self.config)
        return {**state(self), "config": dict(self.config)}

    @classmethod
    def from_config(cls, config):
        config = _checked_keys(config, "config")
        with computing_in(_precision(config)):
            whole = registry.build(config["config"])
        model = whole if cls.part is None else getattr(whole, cls.part, None)
        if not isinstance(model, cls):
            raise ZooError(f"got the config of {whole.name}, which is not a {cls.__name__}.")
        return with_state(model, config)


class EncoderWrapper(Shaped):
    """Mixin, before `keras.Model` in the bases, for a model that wraps an encoder of the zoo. Its config contains that of the
    encoder, so that encoders shared within a file stay shared.

    `settings` are the names of the attributes with its other arguments.
    """

    settings = ()

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {**state(self), "encoder": encoder, **{name: getattr(self, name) for name in self.settings}}

    @classmethod
    def from_config(cls, config):
        config = _checked_keys(config, "encoder", *cls.settings)
        inner = config["encoder"]
        if not isinstance(inner, Mapping) or inner.get("registered_name") not in _encoders():
            raise ZooError(f"the config of a {cls.__name__} contains {inner!r:.80}, expected an encoder of the zoo.")
        settings = {name: config[name] for name in cls.settings}
        registry.check_plain(settings)
        with computing_in(_precision(config)):
            model = cls(keras.saving.deserialize_keras_object(inner), **settings)
        return with_state(model, config)


def _encoders():
    return [f"{_PACKAGE}>{name}" for name in ("Encoder", "FeatureExtractor")]


def state(model):
    """The part of a config that is common to all models: name, precision and frozen layers.

    Raises:
        ZooError: if the model is quantized, because its variables differ from those of a new model.
    """
    if any(getattr(layer, "quantization_mode", None) for layer in flatten_layers(model)):
        raise ZooError(
            f"{model.name} is quantized, and quantization is not part of its config; save, copy or clone it before quantizing, "
            "or export it."
        )
    frozen, odd = [], []
    for path, layer in walk(model):
        if not layer.trainable:
            frozen.append("/".join(path))
        odd += ["/".join((*path, v.name)) for v in own_variables(layer)[0] if v.trainable != layer.trainable]
    return {"name": model.name, "dtype": model.dtype_policy.name, "frozen": frozen, "frozen_apart": odd}


def with_state(model, config):
    """The model, with the name and frozen layers that `state` recorded."""
    model.name = config["name"]
    frozen, odd = set(config["frozen"]), set(config["frozen_apart"])
    for path, layer in list(walk(model)):
        # Setting a layer's flag sets it for its sublayers, which are visited later.
        flag = "/".join(path) not in frozen
        if layer.trainable != flag:
            layer.trainable = flag
        for variable in own_variables(layer)[0]:
            if "/".join((*path, variable.name)) in odd:
                variable.trainable = not layer.trainable
    return model


def _checked_keys(config, *more):
    """Check that a config contains the required keys with values of the right types; other keys are ignored."""
    kinds = {"name": str, "dtype": str, "frozen": (list, tuple), "frozen_apart": (list, tuple), **dict.fromkeys(more, object)}
    for key, kind in kinds.items():
        if key not in config or not isinstance(config[key], kind):
            raise ZooError(f"got a config whose {key!r} is {config.get(key)!r:.80}; it was not written by this zoo.")
    return config


def _precision(config):
    try:
        return keras.dtype_policies.get(config["dtype"])
    except (ValueError, TypeError) as error:
        raise ZooError(f"got the dtype policy {config['dtype']!r}, which is unknown to Keras.") from error
