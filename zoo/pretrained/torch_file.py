"""Tensors from files that `torch.save` wrote (`.pth`, `.pt`, `.bin`), without PyTorch and without running anything of theirs.

Such a file is a pickle, a small program, beside the bytes of the tensors. Only what tensors and their containers need is
carried out: every other name that the program asks for is refused, as is every size that the file does not hold.
"""

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np

from zoo.errors import ZooError

# Of one file: more than any checkpoint has, few enough for a machine to hold.
_MOST_PICKLE = 64 << 20
_MOST_OBJECTS = 200_000
_MOST_DEPTH = 64
# What the legacy format begins with, as a pickled number, and the version behind it.
_LEGACY_MAGIC, _LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001
# Where checkpoints keep the weights, when they hold more than those.
_WEIGHTS = ("params_ema", "params", "state_dict", "model_state_dict", "model")

_DTYPES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_state_dict(path):
    """Mapping of name to array, as they are stored, of the weights in a file that `torch.save` wrote.

    Of a checkpoint that holds more than the weights, those under "params_ema", "params", "state_dict", "model_state_dict" or
    "model"; nested modules' names are joined by dots.

    Raises:
        ZooError: on a file that is none, is cut off, asks for anything but tensors, or states sizes that it does not hold.
    """
    found = read(path)
    for key in _WEIGHTS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    arrays = {}
    _collect(found, (), arrays)
    if not isinstance(found, dict) or not arrays:
        raise ZooError(f"{path} holds no mapping of names to tensors, expected a state dict or a checkpoint with one.")
    return arrays


def _collect(value, path, arrays):
    if isinstance(value, np.ndarray):
        arrays[".".join(path)] = value
    elif isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, (*path, str(key)), arrays)


def read(path):
    """The object in a file that `torch.save` wrote: tensors as numpy arrays in dictionaries, lists and tuples.

    Raises:
        ZooError: see `read_state_dict`.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(4)
            file.seek(0)
            found = _read_zip(file, path) if head == b"PK\x03\x04" else _read_legacy(file, path)
    except ZooError:
        raise
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # What a damaged pickle raises can be anything.
        raise ZooError(f"{path} is no whole file of torch.save ({type(error).__name__}: {error}); fetch it again.") from None
    _check_size(found, path)
    return _as_arrays(found)


def _read_zip(file, path):
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        programs = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise ZooError(f"{path} is a zip file without the data.pkl of torch.save, expected a file that it wrote.")
        root = programs[0].removesuffix("data.pkl")
        packed = [name for name, entry in entries.items() if entry.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise ZooError(f"{path} has compressed entries ({packed[0]}), which torch.save does not write.")
        size = entries[programs[0]].file_size
        if size > _MOST_PICKLE:
            raise ZooError(f"{path} has a data.pkl of {size:,} bytes, expected at most {_MOST_PICKLE:,}.")
        if f"{root}byteorder" in entries and archive.read(f"{root}byteorder") != b"little":
            raise ZooError(f"{path} was written on a big-endian machine; save it again on a little-endian one.")

        def read(key, dtype, count):
            name = f"{root}data/{key}"
            if name not in entries:
                raise ZooError(f"{path} lacks {name}; fetch it again.")
            there = entries[name].file_size
            if there != count * dtype.itemsize:
                raise ZooError(f"{path} states {count:,} numbers of {dtype} for {name}, which has {there:,} bytes.")
            return np.frombuffer(archive.read(name), dtype)

        size = file.seek(0, io.SEEK_END)
        return _Unpickler(io.BytesIO(archive.read(programs[0])), path, _Storages(path, size, read)).load()


def _read_legacy(file, path):
    def number():
        return _Unpickler(file, path, _Storages(path, 0, None)).load()

    try:
        magic = number()
    except pickle.UnpicklingError:
        magic = None
    if magic != _LEGACY_MAGIC:
        raise ZooError(f"{path} is no file of torch.save: it begins with neither of the two formats.")
    if number() != _LEGACY_VERSION:
        raise ZooError(f"{path} is of another version of the legacy format, expected {_LEGACY_VERSION}.")
    if not number().get("little_endian"):
        raise ZooError(f"{path} was written on a big-endian machine; save it again on a little-endian one.")
    # The bytes come behind the program that names them: tensors are views of storages that are filled afterwards.
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    storages = _Storages(path, size, lambda key, dtype, count: np.empty(count, dtype))
    found = _Unpickler(file, path, storages).load()
    keys = number()
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(map(str, storages.arrays)):
        raise ZooError(f"{path} lists other storages than its tensors name; fetch it again.")
    for key in keys:
        array = storages.arrays[key]
        head = file.read(8)
        if len(head) != 8 or struct.unpack("<q", head)[0] != len(array):
            raise ZooError(f"{path} is cut off, or states two sizes for one storage; fetch it again.")
        data = file.read(array.nbytes)
        if len(data) != array.nbytes:
            raise ZooError(f"{path} is cut off; fetch it again.")
        array[:] = np.frombuffer(data, array.dtype)
    return found


class _Storages:
    """The storages of a file by their keys, each read once, and no more numbers than the file has bytes for.

    Args:
        path: what errors call the file.
        size: its bytes.
        read: function (key, dtype, count) -> array (count,).
    """

    def __init__(self, path, size, read):
        self._path, self._left, self._read = path, size, read
        self.arrays = {}

    def get(self, key, dtype, count):
        if key not in self.arrays:
            self._left -= count * dtype.itemsize
            if self._left < 0:
                raise ZooError(f"{self._path} states {count:,} numbers of {dtype}, more than its bytes hold.")
            self.arrays[key] = self._read(key, dtype, count)
        array = self.arrays[key]
        if len(array) != count or array.dtype != dtype:
            raise ZooError(f"{self._path} states two sizes for one storage; fetch it again.")
        return array


class _Fixed:
    """An object that a file cannot change: a pickle may set attributes of all that it has its hands on."""

    __slots__ = ()

    def __setattr__(self, name, value):
        raise ZooError(f"the file sets {name!r} of a part of a tensor, which torch.save does not.")


class _Call(_Fixed):
    """Stands for a constructor."""

    __slots__ = ("_function",)

    def __init__(self, function):
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments):
        return self._function(*arguments)


class _Storage(_Fixed):
    """Stands for the numbers (count,) that tensors are views of."""

    __slots__ = ("array",)

    def __init__(self, array):
        object.__setattr__(self, "array", array)


class _Tensor(_Fixed):
    """Stands for a view of a storage; `array()` is the view. What the file holds is checked when it is made."""

    __slots__ = ("_arguments",)

    def __init__(self, array, offset, shape, strides):
        object.__setattr__(self, "_arguments", (array, offset, shape, strides))

    def array(self):
        array, offset, shape, strides = self._arguments
        if 0 in shape:
            return np.empty(shape, array.dtype)
        strides = [stride * array.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(array[offset:], shape, strides, writeable=False)


class _Unpickler(pickle.Unpickler):
    """Carries out what tensors in containers need, and refuses everything else by its name."""

    def __init__(self, file, path, storages):
        super().__init__(file, encoding="latin-1")
        self._path, self._storages = path, storages

    def find_class(self, module, name):
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return name
        calls = {
            ("collections", "OrderedDict"): _ordered,
            ("torch._utils", "_rebuild_tensor"): self._tensor,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) not in calls:
            raise ZooError(
                f"{self._path} asks for {module}.{name}, which is no part of a tensor: it is not read. "
                "Save the state dict alone, by torch.save(model.state_dict(), ...), or as safetensors."
            )
        return _Call(calls[module, name])

    def persistent_load(self, identifier):
        # Of a view of another storage, as old files have, a sixth part says where it begins.
        if not (isinstance(identifier, tuple) and len(identifier) in (5, 6) and identifier[0] == "storage"):
            raise ZooError(f"{self._path} refers to {str(identifier)[:80]!r}, expected a storage.")
        kind, key, count = identifier[1], identifier[2], identifier[4]
        if len(identifier) == 6 and identifier[5] is not None:
            raise ZooError(f"{self._path} holds views of storages, as PyTorch before 0.4 wrote them; save it again.")
        if not isinstance(kind, str) or kind not in _DTYPES or not isinstance(key, (str, int)) or not _is_count(count):
            raise ZooError(f"{self._path} names a storage in no way that torch.save does.")
        return _Storage(self._storages.get(key, np.dtype(_DTYPES[kind]), count))

    def _tensor(self, storage, offset, shape, strides, *rest):
        del rest  # whether it is trained, and hooks, which are none of an array's
        sizes = all(isinstance(part, tuple) and len(part) <= 32 and all(map(_is_count, part)) for part in (shape, strides))
        if not isinstance(storage, _Storage) or not _is_count(offset) or not sizes or len(shape) != len(strides):
            raise ZooError(f"{self._path} describes a tensor in no way that torch.save does.")
        array = storage.array
        # The last number that is read lies inside, and none is read twice: a view of 10^12 elements needs no more than one.
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides)) if 0 not in shape else 0
        if math.prod(shape) > len(array) or last >= max(len(array), 1):
            raise ZooError(f"{self._path} states a tensor of shape {shape}, which is more than its {len(array):,} numbers.")
        return _Tensor(array, offset, shape, strides)


def _ordered(*items):
    return OrderedDict(*items)


def _parameter(data, *rest):
    return data


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48


def _check_size(found, path):
    """Stop at more objects than a checkpoint has: containers that hold one another over and over look endless."""
    count, pending = 0, [(found, 0)]
    while pending:
        value, depth = pending.pop()
        count += 1
        if count > _MOST_OBJECTS or depth > _MOST_DEPTH:
            raise ZooError(f"{path} holds more than {_MOST_OBJECTS:,} objects, or deeper ones than {_MOST_DEPTH}.")
        if isinstance(value, dict):
            pending += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, (list, tuple)):
            pending += [(inner, depth + 1) for inner in value]


def _as_arrays(value):
    """The object with arrays for tensors, in containers of its own."""
    if isinstance(value, _Tensor):
        return value.array()
    if isinstance(value, dict):
        return {key: _as_arrays(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_as_arrays(inner) for inner in value)
    return value
