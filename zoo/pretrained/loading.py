"""Models by name or path: `load`, `load_encoder`, `save`."""

import hashlib
import json
import os
from pathlib import Path

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.models.base.resizing import ResizingEncoder
from zoo.pretrained.arrays import load_arrays, named_variables, serialized
from zoo.pretrained.checkpoint import ARRAYS, CONFIG, SCHEMA, ForeignCheckpoint
from zoo.pretrained.converters.arrays import Arrays, assign
from zoo.pretrained.resolve import resolve
from zoo.utils.files import folder_beside, replace_folder, write_atomically
from zoo.utils.keras_internals import flatten_layers


def load(name_or_path, input_shape=None):
    """The model of a weight set's name, of a folder that `save` wrote, or of the address of one, with its weights.

    Public models of other libraries are loaded by the names of `zoo.pretrained.public`, such as "sd_vae_ft_mse",
    or from a folder or address in the layout of transformers or diffusers.

    Args:
        name_or_path: which.
        input_shape: of an image, for a model whose weights fit images of other sizes: convolutions alone, or a transformer.

    An address is `hf://user/repo`, of which `hf://user/repo@revision` is one state, or `https://host/folder`. What lies there
    is kept in the cache, and taken from there when it cannot be reached.

    Raises:
        ZooError: on an unknown name, a file that is nowhere to be found or is not what its hash says, or a broken folder.
    """
    checkpoint = resolve(name_or_path)
    return load_checkpoint(checkpoint.resized(tuple(input_shape)) if input_shape else checkpoint)


def load_checkpoint(checkpoint):
    """The model of a `Checkpoint`, with its weights.

    Raises:
        ZooError: if its files are nowhere to be found, are not what their hash says, or do not fit the model.
    """
    files = checkpoint.files()
    model = registry.build(checkpoint.config)
    if isinstance(checkpoint, ForeignCheckpoint):
        convert_arrays(model, checkpoint.converter, files, checkpoint.where)
    else:
        load_arrays(model, *files)
    return model


def convert_arrays(model, converter, files, where):
    """Set the variables of a model from the files of another library, by a module of `zoo.pretrained.converters`."""
    canonical = getattr(converter, "canonical", str)
    ignored = getattr(converter, "ignored", lambda name: False)
    constants = getattr(converter, "constants", lambda model: {})(model)
    assign(named_variables(model), Arrays(files, canonical, ignored, where), converter.sources, constants)


def load_encoder(name_or_path, layer=None, pool=None, resize=False):
    """A `keras.Model` from images (N, ...), uint8 0..255 or floats 0..1, to features (N, D).

    Args:
        name_or_path: as for `load`.
        layer: a depth of `encoder.feature_layers`; None is the code.
        pool: of feature maps or tokens: "flatten", "mean" or a number of regions a side, or "token", see `Encoder.at`.
        resize: take images of any one size and bring them to the model's inside; without, another size is an error.
    """
    model = load(name_or_path)
    encoder = model.encoder.at(layer, pool)
    return ResizingEncoder(encoder, model.data_shape) if resize else encoder


def save(model, path):
    """Save a model of your own to the folder `path`, which `load` reads: `config.json` and `weights.safetensors`.

    A model saved there before is replaced, once the new one is written.

    Raises:
        ZooError: when anything else is in the way, the model cannot be rebuilt from its config, holds NaN, or the disk
            refuses; what was at `path` is then unchanged.
    """
    # A link to a folder stays one.
    path = Path(path).resolve()
    config = getattr(model, "config", None)
    if not isinstance(config, dict) or "variant" not in config:
        raise ZooError(f"got {model!r}, expected a model of zoo.create or zoo.load: only those can be built again from a config.")
    check_place(path)
    if any(getattr(layer, "quantization_mode", None) for layer in flatten_layers(model)):
        raise ZooError("got a quantized model, which its config cannot build again; save it before zoo.quantize, or export it.")
    data = serialized(model)
    # By its hash the file is known again, whatever way it comes.
    digest = hashlib.sha256(data).hexdigest()
    saved = {"schema": SCHEMA, "zoo_version": zoo.__version__, "config": config, "sha256": digest, "bytes": len(data)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(path) as temporary:
            write_atomically(temporary / ARRAYS, data)
            (temporary / CONFIG).write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
            replace_folder(temporary, path)
    except OSError as error:
        raise ZooError(f"the model could not be saved to {path} ({error.strerror}); choose another path or make room.") from None


def check_place(path):
    """Stop where `save` would: before hours of training, not after them.

    Raises:
        ZooError: when at `path` is anything else than a model that `save` wrote and nobody added to, or it cannot be written.
    """
    path = Path(path).resolve()
    if path.exists() and not _is_saved(path):
        raise ZooError(f"{path} exists and is no model that zoo.save wrote; choose another path.")
    above = next(folder for folder in path.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ZooError(f"the model could not be saved to {path} ({above} is no folder that can be written); choose another path.")


def _is_saved(path):
    """Whether `path` is a folder that `save` wrote and nothing has been added to: one that may be replaced."""
    try:
        if {item.name for item in path.iterdir()} != {CONFIG, ARRAYS}:
            return False
        saved = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(saved, dict) and "schema" in saved and isinstance(saved.get("config"), dict)
