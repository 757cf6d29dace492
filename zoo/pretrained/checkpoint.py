"""A model that is not built yet: its config and its weight files. Loads no framework."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import manifest

# The files of a folder written by `zoo.save`.
CONFIG, ARRAYS = "config.json", "weights.safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """A model of the zoo's own: a config and one safetensors file.

    Args:
        name: name of the weight set, the folder or the repository.
        config: argument of `zoo.models.registry.build`.
        files: function that returns the paths of the safetensors files, here one, downloaded if necessary and checked.
        sha256: function that returns the hexadecimal digest of the weights, for a weight set without a download.
    """

    name: str
    config: dict
    files: Callable
    sha256: Callable

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return registry.data_shape(self.config)

    def resized(self, input_shape):
        """The checkpoint for inputs of another shape; loading fails if the weights do not fit."""
        return replace(self, config=registry.changed(self.config, input_shape=list(input_shape)))

    def weight_set(self):
        """(name, manifest entry) of the weight set with the same hash and config, whatever its name is here; None if there is
        none."""
        return manifest.described(self.sha256(), self.config)


@dataclass(frozen=True)
class ForeignCheckpoint(Checkpoint):
    """A model of another library: its config, safetensors files, and the converter that reads both.

    Args:
        name, config, files, sha256: as for `Checkpoint`; `config` is that of the zoo's model.
        converter: module of `zoo.pretrained.converters`, see `families.families`.
        original_config: mapping of its `config.json`.
        where: folder or address, for errors.
    """

    converter: ModuleType
    original_config: dict
    where: str

    def resized(self, input_shape):
        """The checkpoint for images of another shape."""
        return replace(self, config=self.converter.config(self.original_config, tuple(input_shape)))

    def weight_set(self):
        """None, because files of other libraries are not weight sets of the zoo."""
        return None


def config_text(config, sha256, size):
    """The text of the `config.json` of a saved model, from its config and the hash and size in bytes of its weights."""
    saved = {"schema": SCHEMA, "zoo_version": zoo.__version__, "config": config, "sha256": sha256, "bytes": size}
    return json.dumps(saved, indent=1) + "\n"


def read_config(file, where):
    """The content of a `config.json` written by `zoo.save`, a mapping; `where` names its folder in errors.

    Raises:
        ZooError: if the file is something else or has another schema.
    """
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        saved = None
    if not isinstance(saved, dict) or "schema" not in saved:
        raise ZooError(f"{where} contains no readable {CONFIG}, expected a folder written by zoo.save.")
    if saved["schema"] != SCHEMA:
        raise ZooError(f"{where} has schema {saved['schema']!r}, expected {SCHEMA}; update autoencoder-zoo.")
    config = saved.get("config")
    if not isinstance(config, dict) or "variant" not in config:
        raise ZooError(f"{where}/{CONFIG} has config={config!r}, expected a mapping with the variant; save the model again.")
    return saved
