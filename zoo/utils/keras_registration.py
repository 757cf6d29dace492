"""Registration of the zoo's classes with Keras by `import zoo`, which imports neither Keras nor the modules of the classes.

`keras.saving.load_model` finds a class by its registered name in the file, such as "zoo>Encoder". Until the module of the class
is imported, a placeholder is registered under this name, which imports the class on demand.
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
    """Register the classes with Keras: now if Keras is imported, otherwise when it is."""
    if sys.modules.get("keras") is not None:
        _register()
    else:
        sys.meta_path.insert(0, _Finder())


def _register():
    import keras

    for name, home in _HOMES.items():
        # They are registered already if zoo was imported before.
        if keras.saving.get_registered_object(f"{_PACKAGE}>{name}") is None:
            keras.saving.register_keras_serializable(package=_PACKAGE, name=name)(_placeholder(name, home))


def _placeholder(name, home):
    class Placeholder:
        """Imports a class and builds it from a config."""

        def get_config(self):
            raise NotImplementedError("only the class itself has a config")

        @classmethod
        def from_config(cls, config):
            return getattr(importlib.import_module(home), name).from_config(config)

    return Placeholder


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras as usual, and registers the classes after its import."""

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
