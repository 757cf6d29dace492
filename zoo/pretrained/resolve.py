"""From a name, folder or address to a `Checkpoint`; no other module does this. Loads no framework."""

import os
import warnings
from pathlib import Path

from zoo.errors import ZooError, ZooWarning
from zoo.pretrained import foreign, manifest
from zoo.pretrained.addresses import checkpoint_at
from zoo.pretrained.array_files import is_array_file
from zoo.pretrained.cache import locate
from zoo.pretrained.checkpoint import ARRAYS, CONFIG, Checkpoint, read_config
from zoo.pretrained.hashes import fault, sha256_of
from zoo.pretrained.public import address, public


def resolve(name_or_path):
    """The `Checkpoint` of a model.

    Args:
        name_or_path: name of a weight set or of a public model; folder written by `zoo.save`, or in the layout of transformers
            or diffusers; or the address of such a folder, `hf://user/repo[@revision]` or `https://host/folder`; or a weight file
            such as `dncnn_25.pth`, or a folder of one model's, that is recognized by its arrays. A string that is both a name and
            a folder means the name; `./name` or a `pathlib.Path` means the folder.

    Raises:
        ZooError: if there is no such name, folder or address.
    """
    name = str(name_or_path)
    if "://" in name:
        return checkpoint_at(name)
    path = Path(name_or_path)
    if path.is_dir():
        if not (isinstance(name_or_path, str) and is_name(name)):
            return _in_folder(path)
        warnings.warn(
            f"{name} is both a weight set and a folder; the weight set is used. Write ./{name} for the folder.",
            ZooWarning,
            stacklevel=2,
        )
    if not is_name(name) and is_array_file(path):
        if not path.is_file():
            raise ZooError(f"there is no file {name}.")
        return foreign.local(path)
    if name in public():
        entry = public()[name]
        return foreign.remote(
            address(entry),
            entry["subfolder"],
            name,
            entry["input_shape"],
            entry["sha256"] or {},
            # The maximum size: all parameters in single precision, and the header.
            entry["parameters"] * 4 + 2**24,
            entry.get("described"),
            entry.get("files", ()),
        )
    if name not in manifest.read() and (os.sep in name or name.startswith((".", "~"))):
        raise ZooError(
            f"there is no saved model at {name}, expected a folder written by zoo.save, or a name from zoo.list_weights()."
        )
    entry = manifest.entry(name, others=public())
    return Checkpoint(name, entry["config"], lambda: (locate(name, entry),), lambda: entry["sha256"])


def is_name(text):
    """Whether a string is the name of a weight set or of a public model."""
    return text in public() or text in manifest.read()


def is_model(text):
    """Whether a string is meant for `resolve` and not the name of a variant: it is a known name, an address or a folder, or has
    the form of a path or of a weight set's name."""
    return "://" in text or os.sep in text or text.startswith(("~", ".")) or "." in text or is_name(text) or os.path.isdir(text)


def _in_folder(path):
    if not (path / CONFIG).exists() and (path / "model" / CONFIG).exists():
        raise ZooError(f"{path} is the folder of a fine-tuning; its model is {path / 'model'}.")
    if foreign.is_foreign(path / CONFIG) or foreign.is_bare(path):
        return foreign.local(path)
    file, saved = path / ARRAYS, read_config(path / CONFIG, path)
    return Checkpoint(path.resolve().name, saved["config"], lambda: (_checked(file, saved),), lambda: _hash(file))


def _checked(file, saved):
    """`file`, after comparison with the hash in its `config.json`."""
    if saved.get("sha256") and (reason := fault(file, saved)):
        raise ZooError(f"{file}: {reason}; save the model again.")
    return file


def _hash(file):
    try:
        return sha256_of(file)
    except OSError as error:
        raise ZooError(f"{file} cannot be read: {error.strerror}; save the model again.") from None
