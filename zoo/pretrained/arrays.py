"""A model's variables into and out of safetensors files: arrays alone, nothing that runs."""

import hashlib
from pathlib import Path

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from zoo.errors import ZooError
from zoo.utils.files import write_atomically
from zoo.utils.keras_internals import own_variables, walk


def named_variables(model):
    """Mapping of attribute path ("encoder/backbone/stages/1/kernel") to variable, for all that the model's function depends on.

    Paths are the model's own attributes: the automatic names of Keras depend on what else was built in the process. Layers
    may be attributes, or lie in lists, tuples and mappings that are. Metrics, optimizers and the states of random seeds are
    no part of the function.

    Raises:
        ZooError: when two variables share a path, or one is held where it has none.
    """
    found = {}
    for path, layer in walk(model):
        made_to_train, others = own_variables(layer)
        for variable in (*made_to_train, *others):
            key = "/".join((*path, variable.name))
            if key in found:
                raise ZooError(f"two variables of {model.name} share the path {key!r}; give them different names.")
            found[key] = variable
    # What Keras itself would save, found in its own way: nothing of it may be left out.
    reached = {id(variable) for variable in found.values()}
    lost = [variable.path for variable in model.weights if id(variable) not in reached]
    if lost:
        raise ZooError(
            f"{model.name} holds {', '.join(lost)} where no path leads; keep layers as attributes, in lists or in mappings."
        )
    return found


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
