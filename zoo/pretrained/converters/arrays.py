"""Assignment of arrays from files of another library to a model's variables, one at a time; each array is used exactly once."""

import collections
import math

import numpy as np
from keras import backend, ops

from zoo.errors import ZooError
from zoo.pretrained.array_files import arrays_of

# Relative to the largest absolute value of a constant.
_CONSTANT_TOLERANCE = 1e-4


class Arrays:
    """The arrays of files, each read on request.

    Args:
        files: paths.
        canonical: function from the name of an array in a file to its canonical name.
        ignored: function from a canonical name to whether the array is not used.
        where: name of the files in error messages.
    """

    def __init__(self, files, canonical, ignored, where):
        self.where, self._arrays, stored = where, {}, {}
        for name, array in arrays_of(files):
            known = canonical(name)
            if ignored(known):
                continue
            if known in self._arrays:
                raise ZooError(f"{where} has two arrays for {known}: {stored[known]} and {name}.")
            self._arrays[known], stored[known] = array, name

    def names(self):
        """The canonical names of all arrays."""
        return self._arrays.keys()

    def read(self, name):
        """The array with a canonical name, as it is stored."""
        return self._arrays[name].read()


def assign(variables, arrays, sources, constants, repeated=()):
    """Set variables from arrays, one at a time.

    Args:
        variables: mapping of attribute path to variable.
        arrays: an `Arrays`.
        sources: function from an attribute path to the name of an array, or to several names.
        constants: mapping of names to arrays; those in the files must have these values.
        repeated: names of arrays that several variables are set from.

    Raises:
        ZooError: if arrays are unused, missing, of the wrong shape or not finite. Names are checked before any variable is set.
    """
    wanted = {path: (found,) if isinstance(found := sources(path), str) else tuple(found) for path in variables}
    used = [name for names in wanted.values() for name in names] + list(constants)
    missing, left = sorted(set(used) - arrays.names()), sorted(arrays.names() - set(used))
    twice = sorted(name for name, count in collections.Counter(used).items() if count > 1 and name not in repeated)
    if missing or left or twice:
        faults = (("missing", missing), ("not used", left), ("used twice", twice))
        listed = "; ".join(f"{fault}: {_listed(names)}" for fault, names in faults if names)
        raise ZooError(f"the arrays of {arrays.where} do not match the model. {listed}.")
    for name, value in constants.items():
        found = arrays.read(name).astype(np.float32)
        if found.shape != value.shape or np.abs(found - value).max() > _CONSTANT_TOLERANCE * np.abs(value).max():
            raise ZooError(f"the values of {name} in {arrays.where} differ from those that the model computes.")
    # The largest first, so that each fits into the memory that the previous one has freed, without fragmentation.
    for path, names in sorted(wanted.items(), key=lambda item: -math.prod(variables[item[0]].shape)):
        variable = variables[path]
        variable.assign(ops.cast(_fitting(arrays, names, variable, path), backend.standardize_dtype(variable.dtype)))


def _listed(names, most=8):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _fitting(arrays, names, variable, path):
    """The float32 values of the variable at `path`, from the arrays called `names`."""
    parts = [arrays.read(name) for name in names]
    array = np.concatenate(parts) if len(parts) > 1 else parts[0]
    del parts
    shape = tuple(variable.shape)
    fitted = array
    if path.endswith("kernel"):
        if array.ndim == 2:
            fitted = array.T
        elif array.ndim == 4 and shape == _permuted(array.shape, (2, 3, 0, 1)) and array.shape[1] == 1:
            fitted = array.transpose(2, 3, 0, 1)  # a depthwise convolution
        elif array.ndim == 4 and len(shape) == 2:
            # A convolution whose kernel is as large as its stride is a product with patches, as is one with a kernel of 1 x 1.
            fitted = array.transpose(2, 3, 1, 0).reshape(-1, array.shape[0])
        elif array.ndim == 4:
            fitted = array.transpose(2, 3, 1, 0)
    elif fitted.shape != shape and fitted.size == np.prod(shape) and fitted.squeeze().shape == tuple(n for n in shape if n > 1):
        fitted = fitted.reshape(shape)
    if fitted.shape != shape:
        raise ZooError(f"{arrays.where} does not fit: {' + '.join(names)} has shape {array.shape}, which does not give {shape}.")
    fitted = np.ascontiguousarray(fitted, np.float32)
    if not np.isfinite(fitted).all():
        raise ZooError(f"{arrays.where} contains NaN or infinite values in {' + '.join(names)}; download it again.")
    return fitted


def _permuted(shape, order):
    return tuple(shape[i] for i in order)
