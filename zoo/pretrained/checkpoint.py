"""A model that is not built yet: its config, and where its arrays lie. Loads no framework."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType

from zoo.errors import ZooError
from zoo.pretrained import manifest

# What a folder that `zoo.save` wrote holds.
CONFIG, ARRAYS = "config.json", "weights.safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """A model of the zoo's own: a config and one safetensors file.

    Args:
        name: of the weight set, the folder or the repository.
        config: what `zoo.models.registry.build` reads.
        files: function that gives the paths of the safetensors files, one here, fetched if need be and checked.
        sha256: function that gives the hexadecimal digest of the weights, known of a weight set before it is fetched.
    """

    name: str
    config: dict
    files: Callable
    sha256: Callable

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return tuple(self.config.get("model", self.config)["input_shape"])

    def resized(self, input_shape):
        """The same for inputs of another shape, as far as the weights fit."""
        if "model" in self.config:
            return replace(self, config={**self.config, "model": {**self.config["model"], "input_shape": list(input_shape)}})
        return replace(self, config={**self.config, "input_shape": list(input_shape)})

    def weight_set(self):
        """(name, manifest entry) of the weight set that this is, whatever it is called here: known by the hash of its weights
        and its config; None where it is none."""
        return manifest.described(self.sha256(), self.config)


@dataclass(frozen=True)
class ForeignCheckpoint(Checkpoint):
    """A model of another library: its config, safetensors files, and the converter that reads both.

    Args:
        name, config, files, sha256: as of a `Checkpoint`, where `config` is already the zoo's.
        converter: module of `zoo.pretrained.converters`, see `families.families`.
        original_config: mapping of its `config.json`.
        where: what errors call it.
    """

    converter: ModuleType
    original_config: dict
    where: str

    def resized(self, input_shape):
        """The same for images of another shape."""
        return replace(self, config=self.converter.config(self.original_config, tuple(input_shape)))

    def weight_set(self):
        """None: no weight set of the zoo is in the files of another library."""
        return None


def read_config(file, where):
    """The mapping of a `config.json` that `zoo.save` wrote; `where` is what errors call its folder.

    Raises:
        ZooError: if it is none, or of another schema.
    """
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        saved = None
    if not isinstance(saved, dict) or "schema" not in saved:
        raise ZooError(f"{where} holds no readable {CONFIG}, expected a folder that zoo.save wrote.")
    if saved["schema"] != SCHEMA:
        raise ZooError(f"{where} has schema {saved['schema']!r}, expected {SCHEMA}; update autoencoder-zoo.")
    config = saved.get("config")
    if not isinstance(config, dict) or "variant" not in config:
        raise ZooError(f"{where}/{CONFIG} has config={config!r}, expected a mapping with the variant; save the model again.")
    return saved
