"""Arrays from files of another library into a model's variables: each used once, one at a time."""

import collections
import math

import numpy as np
from keras import backend, ops

from zoo.errors import ZooError
from zoo.pretrained.array_files import arrays_of

# Of the greatest of a constant.
_CONSTANT_TOLERANCE = 1e-4


class Arrays:
    """The arrays of files, read when asked for.

    Args:
        files: paths.
        canonical: function of the name of an array to the one that it is asked for by.
        ignored: function of that one to whether it is passed over.
        where: what errors call the files.
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
        """All names."""
        return self._arrays.keys()

    def read(self, name):
        """An array, as it is stored."""
        return self._arrays[name].read()


def assign(variables, arrays, sources, constants, repeated=()):
    """Set variables from arrays, one at a time.

    Args:
        variables: mapping of attribute path to variable.
        arrays: an `Arrays`.
        sources: function of a path to a name, or names; see `families.modules`.
        constants: mapping of names to arrays that have to be the same.
        repeated: names of arrays that several variables are set from.

    Raises:
        ZooError: when arrays are left over, missing, mis-shaped or not finite, naming them; before anything is set where names
            alone tell.
    """
    wanted = {path: (found,) if isinstance(found := sources(path), str) else tuple(found) for path in variables}
    used = [name for names in wanted.values() for name in names] + list(constants)
    missing, left = sorted(set(used) - arrays.names()), sorted(arrays.names() - set(used))
    twice = sorted(name for name, count in collections.Counter(used).items() if count > 1 and name not in repeated)
    if missing or left or twice:
        faults = (("lacks", missing), ("has left over", left), ("would be read twice for", twice))
        told = " and ".join(f"{words} {_some(names)}" for words, names in faults if names)
        raise ZooError(f"{arrays.where} does not fit: it {told}.")
    for name, value in constants.items():
        found = arrays.read(name).astype(np.float32)
        if found.shape != value.shape or np.abs(found - value).max() > _CONSTANT_TOLERANCE * np.abs(value).max():
            raise ZooError(f"{arrays.where} has other numbers in {name} than this model computes; it was trained otherwise.")
    # The largest first: what one frees fits the next, where smaller ones first would cut up what TensorFlow's pool holds.
    for path, names in sorted(wanted.items(), key=lambda item: -math.prod(variables[item[0]].shape)):
        variable = variables[path]
        variable.assign(ops.cast(_fitting(arrays, names, variable, path), backend.standardize_dtype(variable.dtype)))


def _some(names, most=8):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _fitting(arrays, names, variable, path):
    """The numbers, float32, of the variable at `path`, from the arrays called `names`; what was read is not held beyond this."""
    parts = [arrays.read(name) for name in names]
    array = np.concatenate(parts) if len(parts) > 1 else parts[0]
    del parts
    shape = tuple(variable.shape)
    fitted = array
    if path.endswith("kernel"):
        if array.ndim == 2:
            fitted = array.T
        elif array.ndim == 4 and shape == _moved(array.shape, (2, 3, 0, 1)) and array.shape[1] == 1:
            fitted = array.transpose(2, 3, 0, 1)  # a depthwise convolution
        elif array.ndim == 4 and len(shape) == 2:
            # A convolution as large as its stride is a product with patches, as is one of a single pixel.
            fitted = array.transpose(2, 3, 1, 0).reshape(-1, array.shape[0])
        elif array.ndim == 4:
            fitted = array.transpose(2, 3, 1, 0)
    elif fitted.shape != shape and fitted.size == np.prod(shape) and fitted.squeeze().shape == tuple(n for n in shape if n > 1):
        fitted = fitted.reshape(shape)
    if fitted.shape != shape:
        raise ZooError(f"{arrays.where} does not fit: {' + '.join(names)} has shape {array.shape}, expected it to give {shape}.")
    fitted = np.ascontiguousarray(fitted, np.float32)
    if not np.isfinite(fitted).all():
        raise ZooError(f"{arrays.where} holds NaN or infinite values in {' + '.join(names)}; fetch it again.")
    return fitted


def _moved(shape, order):
    return tuple(shape[i] for i in order)
