"""Variables of a model to and from safetensors files, which contain arrays only and no code."""

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
    """Mapping of attribute path ("encoder/backbone/stages/1/kernel") to variable, for all variables that outputs depend on.

    Paths are the model's own attributes: the automatic names of Keras depend on what else was built in the process. Layers
    may be attributes, or be in lists, tuples and mappings that are attributes. Metrics, optimizers and states of random
    seeds are not included.

    Raises:
        ZooError: if two variables share a path, or a variable cannot be found by a path.
    """
    found = {}
    for path, layer in walk(model):
        made_to_train, others = own_variables(layer)
        for variable in (*made_to_train, *others):
            key = "/".join((*path, variable.name))
            if key in found:
                raise ZooError(f"two variables of {model.name} share the path {key!r}; give them different names.")
            found[key] = variable
    # All variables that Keras itself would save must have been found.
    reached = {id(variable) for variable in found.values()}
    lost = [variable.path for variable in model.weights if id(variable) not in reached]
    if lost:
        raise ZooError(
            f"{model.name} has variables without an attribute path: {', '.join(lost)}; keep layers as attributes, in lists or in "
            "mappings."
        )
    return found


def save_arrays(model, path):
    """Write the variables of `model` to a safetensors file; equal weights give equal bytes.

    Args:
        model: a built Keras model.
        path: path of the file, which is replaced atomically.

    Raises:
        ZooError: if a value is NaN or infinite.
    """
    write_atomically(path, serialized(model))


def serialized(model, half=False):
    """The bytes of the safetensors file of a model's variables; with `half`, float32 is stored as float16.

    Raises:
        ZooError: if a value is NaN or infinite, or too large for float16.
    """
    arrays = {}
    for key, variable in sorted(named_variables(model).items()):
        # NumPy has no bfloat16; float32 represents its values exactly. (np.ascontiguousarray would turn a scalar into a vector.)
        dtype = np.float32 if variable.dtype == "bfloat16" else None
        array = np.array(keras.ops.convert_to_numpy(variable), dtype=dtype, order="C")
        if not np.isfinite(array).all():
            raise ZooError(f"{key} of {model.name} contains NaN or infinite values; diverged weights are not saved.")
        # Scalars, such as a number of steps, are kept: rounding them saves nothing.
        if half and array.dtype == np.float32 and array.ndim:
            if np.abs(array).max(initial=0) > np.finfo(np.float16).max:
                raise ZooError(f"{key} of {model.name} contains values too large for float16; save it with half=False.")
            array = array.astype(np.float16)
        arrays[key] = array
    # No metadata: with two or more keys, their order and thus the bytes would vary.
    return to_bytes(arrays)


def load_arrays(model, path):
    """Set the variables of `model` from a safetensors file.

    Raises:
        ZooError: if the file is damaged, or arrays are missing, unknown, not finite or of another shape; the model is then
            unchanged.
    """
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ZooError(f"{path} cannot be read as a safetensors file ({error}); download or save it again.") from None
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
    # Values beyond the range of the variable become infinite, which is reported below.
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise ZooError(f"{path} contains NaN or infinite values in {key}; download or save it again.")
    return array


def publish(model, name, directory, half=False):
    """Write `NAME-<first hex digits of its hash>.safetensors` to `directory`; returns its `file`, `sha256` and `bytes`."""
    data = serialized(model, half)
    digest = hashlib.sha256(data).hexdigest()
    path = Path(directory) / f"{name}-{digest[:8]}.safetensors"
    write_atomically(path, data)
    return {"file": path.name, "sha256": digest, "bytes": len(data)}
