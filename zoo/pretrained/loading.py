"""Models by name or path: `load`, `load_encoder`, `save`."""

import hashlib
import json
import os
from pathlib import Path

from zoo.errors import ZooError
from zoo.models import registry
from zoo.models.base.resizing import ResizingEncoder
from zoo.pretrained.arrays import load_arrays, named_variables, serialized
from zoo.pretrained.checkpoint import ARRAYS, CONFIG, ForeignCheckpoint, config_text
from zoo.pretrained.converters.arrays import Arrays, assign
from zoo.pretrained.resolve import resolve
from zoo.utils.files import folder_beside, replace_folder, write_atomically
from zoo.utils.keras_internals import flatten_layers


def load(name_or_path, input_shape=None):
    """The model of a weight set, a folder written by `save`, or an address, with its weights.

    Public models of other libraries are loaded by the names of `zoo.pretrained.public`, such as "sd_vae_ft_mse",
    or from a folder or address in the layout of transformers or diffusers, or from a file such as `dncnn_25.pth`.

    Args:
        name_or_path: name, folder or address.
        input_shape: shape (height, width, channels) of an image, for models that accept other image sizes: convolutional networks
            and transformers.

    An address is `hf://user/repo`, optionally with a revision, `hf://user/repo@revision`, or `https://host/folder`. Its files
    are cached, and the cache is used if the address cannot be reached.

    Raises:
        ZooError: if the name is unknown, a file cannot be found or does not match its hash, or a folder is damaged.
    """
    checkpoint = resolve(name_or_path)
    return load_checkpoint(checkpoint.resized(tuple(input_shape)) if input_shape else checkpoint)


def load_checkpoint(checkpoint):
    """The model of a `Checkpoint`, with its weights.

    Raises:
        ZooError: if its files cannot be found, do not match their hashes, or do not fit the model.
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
    arrays = Arrays(files, canonical, ignored, where)
    repeated = getattr(converter, "REPEATED", ())
    assign(named_variables(model), arrays, lambda path: converter.sources(path, model.config), constants, repeated)


def load_encoder(name_or_path, layer=None, pool=None, resize=False):
    """A `keras.Model` from images (N, ...), uint8 0..255 or floats 0..1, to features (N, D).

    Args:
        name_or_path: as for `load`.
        layer: a depth of `encoder.feature_layers`; None is the code.
        pool: of feature maps or tokens: "flatten", "mean" or a number of regions per side, or "token", see `Encoder.at`.
        resize: whether the encoder resizes images to its input size; otherwise other sizes raise an error.

    Raises:
        ZooError: as `load`, and if the encoder has no such layer or pooling.
    """
    model = load(name_or_path)
    encoder = model.encoder.at(layer, pool)
    return ResizingEncoder(encoder, model.data_shape) if resize else encoder


def save(model, path):
    """Save a model to the folder `path` as `config.json` and `weights.safetensors`, for `load`.

    An earlier model there is replaced once the new one is complete.

    Raises:
        ZooError: if `path` is something else, the model cannot be rebuilt from its config or contains NaN, or writing fails;
            `path` is then unchanged.
    """
    # A link to a folder stays one.
    path = Path(path).resolve()
    config = getattr(model, "config", None)
    if not isinstance(config, dict) or "variant" not in config:
        raise ZooError(f"got {model!r}, expected a model of zoo.create or zoo.load: only those can be rebuilt.")
    check_place(path)
    if any(getattr(layer, "quantization_mode", None) for layer in flatten_layers(model)):
        raise ZooError("got a quantized model, which its config cannot build again; save it before zoo.quantize, or export it.")
    data = serialized(model)
    # The hash identifies the file later, wherever it was copied to.
    text = config_text(config, hashlib.sha256(data).hexdigest(), len(data))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(path) as temporary:
            write_atomically(temporary / ARRAYS, data)
            (temporary / CONFIG).write_text(text, encoding="utf-8")
            replace_folder(temporary, path)
    except OSError as error:
        raise ZooError(f"the model could not be saved to {path} ({error.strerror}); choose another path or free space.") from None


def check_place(path):
    """Raise the error that `save` would raise for this path, so that it appears before a training.

    Raises:
        ZooError: if `path` exists and is not exactly a folder written by `save`, or cannot be written.
    """
    path = Path(path).resolve()
    if path.exists() and not _is_saved(path):
        raise ZooError(f"{path} exists and was not written by zoo.save; choose another path.")
    above = next(folder for folder in path.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ZooError(f"the model could not be saved to {path} ({above} is not a writable folder); choose another path.")


def _is_saved(path):
    """Whether `path` is a folder that `save` wrote and nothing has been added to: one that may be replaced."""
    try:
        if {item.name for item in path.iterdir()} != {CONFIG, ARRAYS}:
            return False
        saved = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(saved, dict) and "schema" in saved and isinstance(saved.get("config"), dict)
