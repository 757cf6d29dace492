"""A zoo of pretrained autoencoders for Keras: load an encoder by name, turn data into features, fine-tune, reproduce.

Names are imported on first use, so that `import zoo` loads no deep-learning framework.
"""

from zoo.utils.keras_registration import register
from zoo.utils.lazy import lazy_names
from zoo.utils.telemetry import turn_off

# Before any package with telemetry is imported.
turn_off()

__version__ = "0.1.0"

_HOMES = {
    "list_models": "zoo.models.registry",
    "list_weights": "zoo.pretrained.catalog",
    "info": "zoo.pretrained.catalog",
    "create": "zoo.models.registry",
    "load": "zoo.pretrained.loading",
    "save": "zoo.pretrained.loading",
    "load_encoder": "zoo.pretrained.loading",
    "extract_features": "zoo.inference.features",
    "FeatureStream": "zoo.inference.features",
    "extract_features_on_ray": "zoo.inference.ray",
    "export": "zoo.inference.export.exporting",
    "quantize": "zoo.inference.quantization",
    "push": "zoo.pretrained.hub",
    "write_projector": "zoo.inference.projector",
    "Autoencoder": "zoo.models.base.autoencoder",
    "ZooError": "zoo.errors",
    "ZooWarning": "zoo.errors",
}
_MODULES = (
    "anomaly",
    "backbones",
    "data",
    "detection",
    "evaluation",
    "finetuning",
    "flows",
    "inference",
    "layers",
    "losses",
    "modalities",
    "models",
    "optimizers",
    "pretrained",
    "publishing",
    "samplers",
    "sklearn",
    "training",
    "tuning",
)

__getattr__, __dir__, __all__ = lazy_names(__name__, {**_HOMES, **dict.fromkeys(_MODULES)})

# So that `keras.saving.load_model` loads saved models of the zoo.
register()
