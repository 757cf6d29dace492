"""The zoo's classes made known to Keras by `import zoo` alone, which imports neither Keras nor the classes.

`keras.saving.load_model` looks a class up by the name that the file states, "zoo>Encoder". Under each of these names stands,
until the module of the class is imported, one that imports it when it is asked for.
"""

import importlib
import importlib.abc
import importlib.util
import sys

_PACKAGE = "zoo"
_HOMES = {
    "Autoencoder": "zoo.models.base.autoencoder",
    "Encoder": "zoo.models.base.encoder",
    "FeatureExtractor": "zoo.models.base.encoder",
    "Decoder": "zoo.models.base.decoder",
    "ResizingEncoder": "zoo.models.base.resizing",
    "Classifier": "zoo.models.base.classifier",
    "FeatureModel": "zoo.models.base.features",
    "Adam": "zoo.optimizers.adam",
    "AdamW": "zoo.optimizers.adam",
}


def register():
    """Make the classes known to Keras: now, where it is imported already, or else as soon as it is."""
    if sys.modules.get("keras") is not None:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


def _register():
    import keras

    for name, home in _HOMES.items():
        # Registered already where zoo was imported before.
        if keras.saving.get_registered_object(f"{_PACKAGE}>{name}") is None:
            keras.saving.register_keras_serializable(package=_PACKAGE, name=name)(_stand_in(name, home))


def _stand_in(name, home):
    class StandIn:
        """Builds the class whose name it has, by importing it."""

        def get_config(self):
            raise NotImplementedError("only the class itself has a config")

        @classmethod
        def from_config(cls, config):
            return getattr(importlib.import_module(home), name).from_config(config)

    return StandIn


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras as it is found without, and registers once Keras is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                _register()

            spec.loader.exec_module = exec_module
        return spec
