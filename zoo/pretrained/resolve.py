"""What a name or a folder stands for: the config of a model and the file of its weights. Loads no framework."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained import manifest
from zoo.pretrained.converters.families import kind
from zoo.pretrained.converters.public import address, public
from zoo.pretrained.fetch import fault, locate, sha256_of

# What a folder that `zoo.save` wrote holds.
CONFIG, ARRAYS = "config.json", "weights.safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Stored:
    """A model that is not built yet.

    `name` is that of the weight set or of the folder, `config` what `zoo.models.registry.build` reads, `file()` the path of the
    safetensors file, fetched if need be, and `sha256()` its hash, which is known of a weight set before it is fetched.
    """

    name: str
    config: dict
    file: Callable
    sha256: Callable

    def model(self):
        """The model with its weights."""
        from zoo.pretrained.loading import build_and_fill

        return build_and_fill(self)

    def resized(self, input_shape):
        """The same for inputs of another shape, as far as the weights fit."""
        key = "model" if "model" in self.config else None
        inner = {**(self.config[key] if key else self.config), "input_shape": list(input_shape)}
        return replace(self, config={**self.config, key: inner} if key else inner)

    @property
    def data_shape(self):
        """Shape of one input, without the batch axis."""
        return tuple(self.config.get("model", self.config)["input_shape"])


def stored(name_or_path):
    """The `Stored` of a weight set's name, of a folder that `zoo.save` wrote, or of the address of one; the
    `zoo.pretrained.converters.Original`, which serves as one, of a public model's name, or of a folder or address in its
    library's layout.

    Raises:
        ZooError: on a name or folder that is none.
    """
    name = str(name_or_path)
    if "://" in name:
        from zoo.pretrained.remote import stored_at

        return stored_at(name)
    path = Path(name_or_path)
    if path.is_dir():
        if is_original(path / CONFIG):
            from zoo.pretrained.converters.original import original

            return original(path)
        file, saved = path / ARRAYS, read_config(path / CONFIG, path)
        return Stored(path.resolve().name, saved["config"], lambda: _checked(file, saved), lambda: _hash(file))
    if name in public():
        from zoo.pretrained.converters.original import original

        entry = public()[name]
        return original(address(entry), entry["input_shape"], entry["subfolder"], name)
    if name not in manifest.read() and (os.sep in name or name.startswith((".", "~"))):
        raise ZooError(
            f"there is no saved model at {name}, expected a folder that zoo.save wrote, or a name of zoo.list_weights()."
        )
    entry = manifest.entry(name, others=public())
    return Stored(name, entry["config"], lambda: locate(name, entry), lambda: entry["sha256"])


def _checked(file, saved):
    """The file, if it is the one that its `config.json` states the hash of."""
    if saved.get("sha256") and (reason := fault(file, saved)):
        raise ZooError(f"{file}: {reason}; save the model again.")
    return file


def _hash(file):
    try:
        return sha256_of(file)
    except OSError as error:
        raise ZooError(f"{file} cannot be read: {error.strerror}; save the model again.") from None


def is_original(file):
    """Whether a `config.json` is one of transformers or diffusers: it names a class."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return kind(found) is not None and "schema" not in found


def read_config(file, where):
    """The mapping of a `config.json` that `zoo.save` wrote; `where` is what errors call its folder.

    Raises:
        ZooError: when it is none, or of another schema.
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
