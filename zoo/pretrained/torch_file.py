"""Tensors in files that `torch.save` wrote (`.pth`, `.pt`, `.bin`), without PyTorch and without running any code of theirs.

Such a file contains a pickle, a small program, beside the numbers of the tensors. Only what tensors and their containers need is
evaluated: every other Python object that the pickle asks for is refused by name, as is every size that the file does not have.
"""

import io
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from zoo.errors import ZooError
from zoo.pretrained.pickle_data import Call, load, pairs

# More than any checkpoint has, and little enough for any machine.
_MOST_PICKLE = 64 << 20
_MOST_OBJECTS = 200_000
_MOST_DEPTH = 64
_MOST_AXES = 32
# The legacy format begins with this number, pickled, and a version.
_LEGACY_MAGIC, _LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001
# Where checkpoints have the weights, if they have more than those.
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


@dataclass(frozen=True, eq=False)
class _Storage:
    """`count` numbers of a file from `position` on; `checksum` is their CRC-32, or None if the file has none."""

    dtype: np.dtype
    count: int
    position: int
    checksum: int | None


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor in a file, of which no number has been read yet.

    Args:
        path: the file.
        storage: a function that returns the numbers of which it is a view, as `_Storage`.
        dtype: type of its numbers.
        shape, strides: of the tensor, strides in numbers.
        offset: index of its first number.
    """

    path: object
    storage: object
    dtype: np.dtype
    shape: tuple
    strides: tuple
    offset: int

    def read(self):
        """The tensor as an array."""
        storage = self.storage()
        with open(self.path, "rb") as file:
            file.seek(storage.position)
            numbers = np.fromfile(file, storage.dtype, storage.count)
        if len(numbers) != storage.count:
            raise ZooError(f"{self.path} is truncated; download it again.")
        if storage.checksum is not None and zlib.crc32(numbers.view(np.uint8)) != storage.checksum:
            raise ZooError(f"{self.path} is damaged: a checksum of its numbers is wrong; download it again.")
        if 0 in self.shape:
            return np.empty(self.shape, storage.dtype)
        strides = [stride * numbers.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides, writeable=False)


def tensors(path):
    """Mapping of name to `StoredTensor` of the weights in a file that `torch.save` wrote: a state dict, or a checkpoint with one.

    If a checkpoint contains more than the weights, the weights are those under "params_ema", "params", "state_dict",
    "model_state_dict" or "model". The names of nested mappings are joined by dots.

    Raises:
        ZooError: if the file is something else, is truncated, asks for anything but tensors, or states sizes that it does not
            have.
    """
    found = _read(path)
    for key in _WEIGHTS:
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    arrays = {}
    if isinstance(found, dict):
        _collect(found, (), arrays)
    if not arrays:
        raise ZooError(f"{path} contains no mapping of names to tensors, expected a state dict or a checkpoint with one.")
    return arrays


def _collect(value, path, arrays):
    if isinstance(value, StoredTensor):
        arrays[".".join(path)] = value
    elif isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, (*path, str(key)), arrays)


def _read(path):
    """The object in a file that `torch.save` wrote, with `StoredTensor`s, in dictionaries, lists and tuples."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            head = file.read(4)
            file.seek(0)
            found = (_Zipped if head == b"PK\x03\x04" else _Legacy)(file, path, size).load()
            _check_size(found)
    except ZooError as error:
        raise ZooError(f"{path} {error}") from None
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror or error}.") from None
    except Exception as error:  # A damaged pickle can raise anything.
        reason = f"{type(error).__name__}: {_shown(str(error))}"
        raise ZooError(f"{path} is not a complete file of torch.save ({reason}); download it again.") from None
    return found


class _Format:
    """What both formats have in common: how tensors are described.

    Args:
        file: the open file.
        path: its path.
        size: its size in bytes.
    """

    def __init__(self, file, path, size):
        self.file, self.path, self.left = file, path, size
        # Key of a storage -> its type and count, as the pickle states them.
        self.stated = {}
        self.names = {
            ("collections", "OrderedDict"): Call(_ordered),
            ("torch._utils", "_rebuild_tensor"): Call(self._tensor),
            ("torch._utils", "_rebuild_tensor_v2"): Call(self._tensor),
            ("torch._utils", "_rebuild_parameter"): Call(_parameter),
        }

    def _name(self, module, name):
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return np.dtype(_DTYPES[name])
        if (module, name) not in self.names:
            raise ZooError(
                f"asks for {_shown(module)}.{_shown(name)}, which is not part of a tensor, so that it is not read. Save the "
                "state dict alone, with torch.save(model.state_dict(), ...), or as safetensors."
            )
        return self.names[module, name]

    def _persistent(self, identifier):
        # PyTorch before 0.4 could add a sixth part, the view of another storage.
        if type(identifier) is not tuple or len(identifier) not in (5, 6) or not _is(identifier[0], "storage"):
            raise ZooError("refers to an object outside of the pickle that is not a storage.")
        kind, key, count = identifier[1], identifier[2], identifier[4]
        if len(identifier) == 6 and identifier[5] is not None:
            raise ZooError("contains views of storages, as PyTorch before 0.4 wrote them; save it again.")
        if not isinstance(kind, np.dtype) or type(key) not in (str, int) or not _is_count(count):
            raise ZooError("does not describe a storage as torch.save does.")
        key = str(key)
        if key not in self.stated:
            # No more numbers than the file has bytes for.
            self.left -= count * kind.itemsize
            if self.left < 0:
                raise ZooError(f"states {count:,} numbers of {kind}, more than its bytes can be.")
            self.stated[key] = kind, count
        if self.stated[key] != (kind, count):
            raise ZooError("states two sizes for one storage.")
        return _Reference(key)

    def _tensor(self, storage, offset, shape, strides, *_):
        # The rest is whether the tensor is trained, and hooks.
        sizes = all(type(part) is tuple and len(part) <= _MOST_AXES and all(map(_is_count, part)) for part in (shape, strides))
        if not isinstance(storage, _Reference) or not _is_count(offset) or not sizes or len(shape) != len(strides):
            raise ZooError("does not describe a tensor as torch.save does.")
        kind, count = self.stated[storage.key]
        # The last number of a view is in its storage, and none is used twice: a tensor of 10^12 elements can need a single one.
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides)) if 0 not in shape else 0
        if math.prod(shape) > count or last >= max(count, 1):
            raise ZooError(f"states a tensor of shape {shape}, which is more than the {count:,} numbers of its storage.")
        return StoredTensor(self.path, lambda: self.storages[storage.key], kind, shape, strides, offset)


class _Zipped(_Format):
    """The format since PyTorch 1.6: a zip file with the pickle and each storage as entries."""

    def load(self):
        with zipfile.ZipFile(self.file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            programs = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(programs) != 1:
                raise ZooError("is a zip file without the data.pkl of torch.save.")
            root = programs[0].removesuffix("data.pkl")
            packed = [name for name, entry in entries.items() if entry.compress_type != zipfile.ZIP_STORED]
            if packed:
                raise ZooError(f"has compressed entries ({_shown(packed[0])}), which torch.save does not write.")
            size = entries[programs[0]].file_size
            if size > _MOST_PICKLE:
                raise ZooError(f"has a data.pkl of {size:,} bytes, expected at most {_MOST_PICKLE:,}.")
            if f"{root}byteorder" in entries and archive.read(f"{root}byteorder") != b"little":
                raise ZooError("was written on a big-endian machine; save it again on a little-endian one.")
            found = load(io.BytesIO(archive.read(programs[0])), self._name, self._persistent)
            self.storages = {key: self._place(f"{root}data/{key}", entries, *stated) for key, stated in self.stated.items()}
        return found

    def _place(self, name, entries, kind, count):
        if name not in entries:
            raise ZooError(f"lacks {name}; download it again.")
        entry = entries[name]
        if entry.file_size != count * kind.itemsize:
            raise ZooError(f"states {count:,} numbers of {kind} for {name}, which has {entry.file_size:,} bytes.")
        self.file.seek(entry.header_offset)
        head = self.file.read(30)
        if head[:4] != b"PK\x03\x04":
            raise ZooError(f"is damaged at {name}; download it again.")
        position = entry.header_offset + 30 + sum(struct.unpack("<HH", head[26:30]))
        return _Storage(kind, count, position, entry.CRC)


class _Legacy(_Format):
    """The earlier format: pickles one after the other, then the storages that they name."""

    def load(self):
        def pickled():
            return load(self.file, self._name, self._persistent)

        try:
            magic = pickled()
        except Exception:
            magic = None
        if not _is(magic, _LEGACY_MAGIC):
            raise ZooError("is not a file of torch.save: it begins with neither of the two formats.")
        if not _is(pickled(), _LEGACY_VERSION):
            raise ZooError(f"has another version of the legacy format than {_LEGACY_VERSION}.")
        if pickled().get("little_endian") is not True:
            raise ZooError("was written on a big-endian machine; save it again on a little-endian one.")
        found, keys = pickled(), pickled()
        if type(keys) is not list or not all(type(key) in (str, int) for key in keys):
            raise ZooError("does not list its storages as torch.save does.")
        if sorted(map(str, keys)) != sorted(self.stated):
            raise ZooError("lists other storages than its tensors name; download it again.")
        self.storages = {}
        position, size = self.file.tell(), self.file.seek(0, io.SEEK_END)
        for key in map(str, keys):
            kind, count = self.stated[key]
            self.file.seek(position)
            head = self.file.read(8)
            if len(head) != 8 or struct.unpack("<q", head)[0] != count:
                raise ZooError("is truncated, or states two sizes for one storage; download it again.")
            self.storages[key] = _Storage(kind, count, position + 8, None)
            position += 8 + count * kind.itemsize
        if position > size:
            raise ZooError("is truncated; download it again.")
        return found


class _Reference:
    """Stands for a storage while the pickle is evaluated."""

    def __init__(self, key):
        self.key = key


def _ordered(items=()):
    # Python 2 pickled the items as arguments.
    return dict(pairs([part for key, value in items for part in (key, value)]))


def _parameter(data, *_):
    return data


def _shown(text):
    """A text of a file for an error message: short, and without characters that a terminal obeys."""
    return ascii(text[:80])[1:-1]


def _is(value, wanted):
    """Whether a value of a pickle is this text or number; the comparison of nested containers may not end."""
    return type(value) is type(wanted) and value == wanted


def _is_count(value):
    return type(value) is int and 0 <= value < 2**48


def _check_size(found):
    """Raise ZooError at more objects than a checkpoint has: containers that contain one another repeatedly have no end."""
    count, pending = 0, [(found, 0)]
    while pending:
        value, depth = pending.pop()
        count += 1
        if count > _MOST_OBJECTS or depth > _MOST_DEPTH:
            raise ZooError(f"contains more than {_MOST_OBJECTS:,} objects, or objects in more than {_MOST_DEPTH} others.")
        if type(value) is dict:
            pending += [(inner, depth + 1) for inner in value.values()]
        elif type(value) in (list, tuple):
            pending += [(inner, depth + 1) for inner in value]
