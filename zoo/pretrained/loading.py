"""Weights by name or path: arrays in, arrays out, and nothing that runs."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

import zoo
from zoo.errors import ZooError
from zoo.models import registry
from zoo.models.base.resizing import ResizingEncoder
from zoo.pretrained import manifest
from zoo.pretrained.fetch import fault, places
from zoo.pretrained.resolve import ARRAYS, CONFIG, SCHEMA, stored
from zoo.utils.files import folder_beside, replace_folder, write_atomically

# Private attributes in which Keras, PyTorch and TensorFlow keep books of a layer's children: second ways to the same layers.
_BOOKS = ("_layers", "_modules", "_self_")


def named_variables(model):
    """Mapping of attribute path ("encoder/backbone/stages/1/kernel") to variable, for all that the model's function depends on.

    Paths are the model's own attributes: the automatic names of Keras depend on what else was built in the process. Layers
    may be attributes, or lie in lists, tuples and mappings that are. Metrics, optimizers and the states of random seeds are
    no part of the function.

    Raises:
        ZooError: when two variables share a path, or one is held where it has none.
    """
    found, seen = {}, set()

    def visit(layer, path):
        if id(layer) in seen:
            return
        seen.add(id(layer))
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
            key = "/".join((*path, variable.name))
            if key in found:
                raise ZooError(f"two variables of {model.name} share the path {key!r}; give them different names.")
            found[key] = variable
        for key, child in _children(layer):
            visit(child, (*path, *key))

    visit(model, ())
    # What Keras itself would save, found in its own way: nothing of it may be left out.
    reached = {id(variable) for variable in found.values()}
    lost = [variable.path for variable in model.weights if id(variable) not in reached]
    if lost:
        raise ZooError(
            f"{model.name} holds {', '.join(lost)} where no path leads; keep layers as attributes, in lists or in mappings."
        )
    return found


def _children(layer):
    # These two keep layers in the order of the graph, and many times over in attributes of their own.
    if isinstance(layer, keras.Sequential) or (isinstance(layer, keras.Model) and hasattr(layer, "operations")):
        yield from _layers_in(list(layer.layers), ("layers",))
        return
    # On PyTorch a layer is a Module, which keeps the layers that are its attributes in a mapping of their own.
    for name, value in sorted({**vars(layer), **getattr(layer, "_modules", {})}.items()):
        if not name.startswith(_BOOKS):
            yield from _layers_in(value, (name.lstrip("_"),))


def _layers_in(value, path):
    if isinstance(value, keras.layers.Layer):
        yield path, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _layers_in(item, (*path, str(i)))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _layers_in(item, (*path, str(key)))


def save_arrays(model, path, half=False):
    """Write the variables of `model` to a safetensors file, the same bytes for the same weights.

    Args:
        model: a built Keras model.
        path: of the file, replaced whole.
        half: store float32 as float16; refused where a value would overflow.
    """
    write_atomically(path, serialized(model, half))


def serialized(model, half=False):
    """The bytes of the safetensors file of a model's variables; see `save_arrays`."""
    arrays = {}
    for key, variable in sorted(named_variables(model).items()):
        # numpy has no bfloat16, and every one is a float32. (np.ascontiguousarray would make a vector of a scalar.)
        dtype = np.float32 if variable.dtype == "bfloat16" else None
        array = np.array(keras.ops.convert_to_numpy(variable), dtype=dtype, order="C")
        if not np.isfinite(array).all():
            raise ZooError(f"{key} of {model.name} holds NaN or infinite values; weights that diverged are not saved.")
        # A single number, such as a count of steps, saves nothing by being rounded.
        if half and array.dtype == np.float32 and array.ndim:
            if np.abs(array).max(initial=0) > np.finfo(np.float16).max:
                raise ZooError(f"{key} of {model.name} holds values beyond half precision; save it with half=False.")
            array = array.astype(np.float16)
        arrays[key] = array
    # No metadata: with two or more keys of it the format's bytes differ on each save.
    return to_bytes(arrays)


def load_arrays(model, path):
    """Set the variables of `model` from a safetensors file.

    Raises:
        ZooError: on a broken file, and when arrays are missing, left over, mis-shaped or not finite; the model is unchanged.
    """
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{path} is no readable safetensors file ({error}); fetch or save it again.") from None
    variables = named_variables(model)
    missing, extra = sorted(variables.keys() - arrays.keys()), sorted(arrays.keys() - variables.keys())
    if missing or extra:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has the unknown {', '.join(extra)}"] * bool(extra)
        raise ZooError(f"{path} does not fit {model.name}: it {' and '.join(parts)}.")
    values = {key: _fitting(path, model, key, variable, arrays[key]) for key, variable in variables.items()}
    for key, variable in variables.items():
        variable.assign(values[key])


def _fitting(path, model, key, variable, array):
    dtype = keras.backend.standardize_dtype(variable.dtype)
    if tuple(array.shape) != tuple(variable.shape):
        raise ZooError(f"{path} does not fit {model.name}: {key} has shape {array.shape}, expected {tuple(variable.shape)}.")
    if np.issubdtype(array.dtype, np.floating) != keras.backend.is_float_dtype(dtype) or array.dtype.kind == "c":
        raise ZooError(f"{path} does not fit {model.name}: {key} is {array.dtype}, expected {dtype}.")
    # Numbers beyond the variable's range become infinite, which the next line tells.
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise ZooError(f"{path} holds NaN or infinite values in {key}; fetch or save it again.")
    return array


def publish(model, name, directory, half=False):
    """Write `NAME-<first hex digits of its hash>.safetensors` to `directory`; returns its `file`, `sha256` and `bytes`."""
    data = serialized(model, half)
    digest = hashlib.sha256(data).hexdigest()
    path = Path(directory) / f"{name}-{digest[:8]}.safetensors"
    write_atomically(path, data)
    return {"file": path.name, "sha256": digest, "bytes": len(data)}


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
    if any(getattr(layer, "quantization_mode", None) for layer in model._flatten_layers()):
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


def load(name_or_path, input_shape=None):
    """The model of a weight set's name, of a folder that `save` wrote, or of the address of one, with its weights.

    Public models of other libraries are loaded by the names of `zoo.pretrained.converters.public`, such as "sd_vae_ft_mse",
    or from a folder or address in the layout of transformers or diffusers.

    Args:
        name_or_path: which.
        input_shape: of an image, for a model whose weights fit images of other sizes: convolutions alone, or a transformer.

    An address is `hf://user/repo`, of which `hf://user/repo@revision` is one state, or `https://host/folder`. What lies there
    is kept in the cache, and taken from there when it cannot be reached.

    Raises:
        ZooError: on an unknown name, a file that is nowhere to be found or is not what its hash says, or a broken folder.
    """
    found = stored(name_or_path)
    return (found.resized(tuple(input_shape)) if input_shape else found).model()


def build_and_fill(found):
    """The model of a `zoo.pretrained.resolve.Stored`."""
    file = found.file()
    model = registry.build(found.config)
    load_arrays(model, file)
    return model


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


def verify(names=None):
    """Hash every weight file that lies on this machine again, embedded or cached.

    Returns:
        A list of (name, "ok" | "corrupt" | "absent", detail). A set is corrupt when any copy is, even one that `load` would
        pass over or fetch again: a disk or a hand has changed a file that nothing should change.
    """
    return [(name, *_verify(manifest.entry(name))) for name in names or registry.list_weights()]


def _verify(entry):
    faults = {path: fault(path, entry) for _, path in places(entry)}
    corrupt = [f"{path}: {reason}" for path, reason in faults.items() if reason not in (None, "not there")]
    if corrupt:
        return "corrupt", f"{'; '.join(corrupt)}; delete it, and it is fetched again on next use"
    if None not in faults.values():
        return "absent", f"{entry['file']} lies neither among the embedded files nor in the cache; it is fetched on first use"
    return "ok", f"{entry['bytes']:,} bytes, sha256 {entry['sha256'][:16]}"


def golden_input(entry):
    """The input (n, *input_shape), float32 0..1, whose features an entry states."""
    golden = entry["golden"]
    return np.random.default_rng(golden["seed"]).random((golden["n"], *entry["config"]["input_shape"]), dtype=np.float32)


def verify_golden(name):
    """Largest difference between the features that a set gives today and those its entry states; `ZooError` beyond tolerance."""
    entry = manifest.entry(name)
    if "golden" not in entry:
        raise ZooError(f"the manifest entry {name!r} states no golden features to compare with; publish the set again.")
    wanted = np.asarray(entry["golden"]["features"])
    got = load(name).encode(golden_input(entry))[:, : wanted.shape[-1]]
    if got.shape != wanted.shape:
        raise ZooError(
            f"{name} gives features of shape {got.shape}, where its card states {wanted.shape}; publish the set again."
        )
    difference = float(np.abs(got - wanted).max())
    # Asked this way round, NaN fails.
    if not difference <= entry["golden"]["tolerance"]:
        raise ZooError(
            f"the features of {name} have drifted by {difference:.2g} from its card, which allows "
            f"{entry['golden']['tolerance']:.2g}; fetch the file again, or compare the installed versions with the card's."
        )
    return difference
