"""Named arrays in files of other libraries, read one at a time: safetensors, and files of `torch.save`.

Loads no framework, and NumPy only when a file is opened.
"""

from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError

# What the files of `torch.save` are usually called.
TORCH = (".pth", ".pt", ".bin", ".ckpt")
SUFFIXES = (".safetensors", *TORCH)
_SIDES = ("encoder", "decoder")


@dataclass(frozen=True)
class _Slice:
    """An array of a safetensors file."""

    path: Path
    name: str
    shape: tuple

    def read(self):
        import ml_dtypes  # noqa: F401 - registers bfloat16 with NumPy
        from safetensors import safe_open

        # Mapped again for each array: what was read through a mapping counts as memory of this process until it is closed.
        with safe_open(self.path, framework="np") as opened:
            return opened.get_tensor(self.name)


def is_array_file(path):
    """Whether a path has the suffix of a file that can be read here."""
    return Path(path).suffix.lower() in SUFFIXES


def arrays_in(path):
    """Mapping of name to array of a file; an array has `shape` and `read()`, which returns it as it is stored.

    Raises:
        ZooError: if the file cannot be read; see also `zoo.pretrained.torch_file.tensors`.
    """
    from safetensors import SafetensorError, safe_open

    from zoo.pretrained import torch_file

    if Path(path).suffix.lower() != ".safetensors":
        return torch_file.tensors(path)
    try:
        with safe_open(path, framework="np") as opened:
            return {name: _Slice(path, name, tuple(opened.get_slice(name).get_shape())) for name in sorted(opened.keys())}
    except (SafetensorError, OSError, ValueError) as error:
        raise ZooError(f"{path} cannot be read as a safetensors file ({error}); download it again.") from None


def other_half(path):
    """The file of the decoder beside that of an encoder, or the reverse: the same name with the other word; None if none."""
    path = Path(path)
    for one, other in (_SIDES, _SIDES[::-1]):
        head, found, tail = path.stem.rpartition(one)
        beside = path.with_name(f"{head}{other}{tail}{path.suffix}")
        if found and beside.is_file():
            return beside
    return None


def arrays_of(files):
    """List of (name, array) of several files. If they are those of an encoder and a decoder, names begin with the side."""
    files = [Path(file) for file in files]
    halves = len(files) == 2 and other_half(files[0]) == files[1]
    found = []
    for file in files:
        side = next((f"{side}." for side in _SIDES if halves and side in file.stem), "")
        found += [(side + name, array) for name, array in arrays_in(file).items()]
    return found
