"""A zoo of pretrained autoencoders for Keras: load an encoder by name, turn data into features, fine-tune, reproduce.

Names are imported on first use, so that `import zoo` loads no deep-learning framework.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "list_models": "zoo.registry",
    "list_weights": "zoo.registry",
    "info": "zoo.registry",
    "create": "zoo.registry",
    "load": "zoo.weights",
    "save": "zoo.weights",
    "load_encoder": "zoo.weights",
    "extract_features": "zoo.features",
    "FeatureStream": "zoo.features",
    "extract_features_on_ray": "zoo.scaling",
    "export": "zoo.exporting",
    "quantize": "zoo.quantizing",
    "push": "zoo.hub",
    "write_projector": "zoo.projector",
    "Autoencoder": "zoo.autoencoder",
    "ZooError": "zoo.errors",
}
_MODULES = (
    "anomaly",
    "backbones",
    "data",
    "evaluation",
    "flows",
    "layers",
    "losses",
    "models",
    "samplers",
    "sklearn",
    "tiling",
    "training",
    "weights",
)

__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
