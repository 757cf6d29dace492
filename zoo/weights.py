"""Weights by name or path: arrays in, arrays out, and nothing that runs."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

import zoo
from zoo import manifest, registry
from zoo.errors import ZooError
from zoo.fetch import locate, sha256_of

_CONFIG, _ARRAYS = "config.json", "weights.safetensors"
_SCHEMA = 1


def named_variables(model):
    """Mapping of attribute path ("encoder/backbone/stages/1/kernel") to variable, for all that the model's function depends on.

    Paths are the model's own attributes: the automatic names of Keras depend on what else was built in the process.
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
        for name, value in sorted(vars(layer).items()):
            for key, child in _children(name.lstrip("_"), value):
                visit(child, (*path, *key))

    visit(model, ())
    return found


def _children(name, value):
    if isinstance(value, keras.layers.Layer):
        yield (name,), value
    elif isinstance(value, (list, tuple)) and name != "layers":
        for i, item in enumerate(value):
            if isinstance(item, keras.layers.Layer):
                yield (name, str(i)), item


def save_arrays(model, path, half=False):
    """Write the variables of `model` to a safetensors file, the same bytes for the same weights.

    Args:
        model: a built Keras model.
        path: of the file, replaced whole.
        half: store float32 as float16; refused where a value would overflow.
    """
    path = Path(path)
    data = _serialize(model, half)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def _serialize(model, half):
    arrays = {}
    for key, variable in sorted(named_variables(model).items()):
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        if not np.isfinite(array).all():
            raise ZooError(f"{key} of {model.name} holds NaN or infinite values; weights that diverged are not saved.")
        if half and array.dtype == np.float32:
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
    for key, variable in variables.items():
        if tuple(arrays[key].shape) != tuple(variable.shape):
            raise ZooError(f"{path} does not fit {model.name}: {key} has shape {arrays[key].shape}, expected {tuple(variable.shape)}.")
        if not np.isfinite(arrays[key]).all():
            raise ZooError(f"{path} holds NaN or infinite values in {key}; fetch or save it again.")
    for key, variable in variables.items():
        variable.assign(arrays[key].astype(keras.backend.standardize_dtype(variable.dtype)))


def publish(model, name, directory, half=False):
    """Write `NAME-<first hex digits of its hash>.safetensors` to `directory`; returns its `file`, `sha256` and `bytes`."""
    data = _serialize(model, half)
    digest = hashlib.sha256(data).hexdigest()
    path = Path(directory) / f"{name}-{digest[:8]}.safetensors"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
    return {"file": path.name, "sha256": digest, "bytes": len(data)}


def save(model, path):
    """Save a model of your own to the folder `path`, which `load` reads: `config.json` and `weights.safetensors`.

    A model saved there before is replaced; anything else in the way is a `ZooError`.
    """
    path = Path(path)
    if path.exists() and not (path / _CONFIG).is_file():
        raise ZooError(f"{path} exists and holds no saved model; choose another path.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        save_arrays(model, temporary / _ARRAYS)
        config = {"schema": _SCHEMA, "zoo_version": zoo.__version__, "config": model.config}
        (temporary / _CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        temporary.chmod(0o755)
        if path.exists():
            # A folder cannot replace another in one step; the old one steps aside first and is back if that fails.
            aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent)) / "old"
            path.rename(aside)
            try:
                temporary.rename(path)
            except OSError:
                aside.rename(path)
                raise
            finally:
                shutil.rmtree(aside.parent, ignore_errors=True)
        else:
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load(name_or_path):
    """The model of a weight set's name, or of a folder that `save` wrote, with its weights.

    Raises:
        ZooError: on an unknown name, a file that is nowhere to be found or is not what its hash says, or a broken folder.
    """
    path = Path(name_or_path)
    if path.is_dir():
        return _load_folder(path)
    name = str(name_or_path)
    if name not in manifest.read() and (os.sep in name or name.startswith((".", "~"))):
        raise ZooError(f"there is no saved model at {name}, expected a folder that zoo.save wrote, or a name of zoo.list_weights().")
    entry = manifest.entry(name)
    file = locate(name, entry)
    model = registry.build(entry["config"])
    load_arrays(model, file)
    return model


def _load_folder(path):
    try:
        saved = json.loads((path / _CONFIG).read_text(encoding="utf-8"))
        config = saved["config"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ZooError(f"{path} holds no readable {_CONFIG}, expected a folder that zoo.save wrote.") from None
    if saved.get("schema") != _SCHEMA:
        raise ZooError(f"{path} has schema {saved.get('schema')!r}, expected {_SCHEMA}; update autoencoder-zoo.")
    model = registry.build(config)
    load_arrays(model, path / _ARRAYS)
    return model


def load_encoder(name_or_path, layer=None, pool=None):
    """A `keras.Model` from images (N, ...), uint8 0..255 or floats 0..1, to features (N, D).

    Args:
        name_or_path: as for `load`.
        layer: a depth of `encoder.feature_layers`; None is the code.
        pool: of feature maps: "flatten", "mean" or a number of regions a side.
    """
    return load(name_or_path).encoder.at(layer, pool)


def verify(names=None):
    """Hash every weight file that lies here again: a list of (name, "ok" | "corrupt" | "absent", detail)."""
    results = []
    for name in names or registry.list_weights():
        entry = manifest.entry(name)
        path = manifest.weights_dir() / entry["file"]
        if not path.is_file():
            results.append((name, "absent", f"{path.name} is not among the embedded files; it is fetched on first use"))
        elif sha256_of(path) != entry["sha256"]:
            results.append((name, "corrupt", f"{path} is not the file that the manifest pins"))
        else:
            results.append((name, "ok", f"{entry['bytes']:,} bytes, sha256 {entry['sha256'][:16]}"))
    return results


def golden_input(entry):
    """The input (n, *input_shape), float32 0..1, whose features an entry states."""
    golden = entry["golden"]
    return np.random.default_rng(golden["seed"]).random((golden["n"], *entry["config"]["input_shape"]), dtype=np.float32)


def verify_golden(name):
    """Largest difference between the features that a set gives today and those its entry states; `ZooError` beyond tolerance."""
    entry = manifest.entry(name)
    wanted = np.asarray(entry["golden"]["features"])
    got = load(name).encode(golden_input(entry))[:, : wanted.shape[1]]
    difference = float(np.abs(got - wanted).max())
    if difference > entry["golden"]["tolerance"]:
        raise ZooError(
            f"the features of {name} have drifted by {difference:.2g}, more than {entry['golden']['tolerance']:.2g}, from its card."
        )
    return difference
