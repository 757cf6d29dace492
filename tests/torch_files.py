"""Files as `torch.save` writes them, made without PyTorch."""

import io
import pickle
import struct
import sys
import types
import zipfile
from contextlib import contextmanager

import numpy as np

_STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage", "bool": "BoolStorage"}


class _Storage:
    def __init__(self, key, array):
        self.key, self.array = key, array


class _Tensor:
    """A tensor by its description, which need not be true."""

    def __init__(self, storage, shape=None, strides=None, offset=0):
        self.storage = storage
        self.shape = storage.array.shape if shape is None else shape
        self.strides = tuple(s // storage.array.itemsize for s in storage.array.strides) if strides is None else strides
        self.offset = offset

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, self.offset, tuple(self.shape), tuple(self.strides), False, None)


def tensor(array, key, shape=None, strides=None, offset=0):
    """What `dump` writes as a tensor of the numbers of `array`, stored under `key`; a description may say something else."""
    return _Tensor(_Storage(key, np.ascontiguousarray(array)), shape, strides, offset)


@contextmanager
def _stub():
    """Modules that pickle finds PyTorch's names in."""

    def _rebuild_tensor_v2():
        pass

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    for name in _STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    earlier = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield torch
    finally:
        for name, module in earlier.items():
            if module is None:
                sys.modules.pop(name)
            else:
                sys.modules[name] = module


def _program(value, file, torch, storages, counts):
    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, _Storage):
                return None
            storages[item.key] = item.array
            kind = getattr(torch, _STORAGES[str(item.array.dtype)])
            return ("storage", kind, item.key, "cpu", counts.get(item.key, item.array.size))

    Pickler(file, protocol=2).dump(value)


def dump(path, value, legacy=False, counts=None, compressed=False):
    """Write `value`, containers with `tensor`s, to `path`; `counts` state other sizes of storages than the true ones."""
    counts, storages, program = counts or {}, {}, io.BytesIO()
    with _stub() as torch:
        _program(value, program, torch, storages, counts)
    if legacy:
        with open(path, "wb") as file:
            for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}):
                pickle.dump(head, file, protocol=2)
            file.write(program.getvalue())
            pickle.dump(sorted(storages), file, protocol=2)
            for key in sorted(storages):
                file.write(struct.pack("<q", counts.get(key, storages[key].size)) + storages[key].tobytes())
        return
    write_zip(path, program.getvalue(), storages, zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED)


def write_zip(path, program, storages, kind=zipfile.ZIP_STORED):
    """Write the zip file of a pickle, as bytes, and arrays by their keys."""
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/byteorder", "little")
        for key, array in storages.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())
