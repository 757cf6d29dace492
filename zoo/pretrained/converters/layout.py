"""Where a model of another library lies: a local folder, or a repository of the Hugging Face Hub, pinned on first use."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained.converters.public import address, public
from zoo.pretrained.fetch import Refused, cache_dir, fault, fetched, sha256_of
from zoo.utils.files import write_atomically

CONFIG = "config.json"
# In the order of preference: what transformers and what diffusers write, whole or with an index of shards.
_WEIGHTS = ("model.safetensors", "diffusion_pytorch_model.safetensors")
_INDEX = ".index.json"
_PINS = "pins.json"
# More than any config or index has; weights are bounded by what is free on the disk.
_MOST_TEXT = 50_000_000
_MOST_WEIGHTS = 2**40


@dataclass(frozen=True)
class Layout:
    """A model on disk: what errors call it, its config, and the paths of its safetensors files."""

    where: str
    config: dict
    files: tuple


def local(folder):
    """The `Layout` of a folder.

    Raises:
        ZooError: when it lacks a config or safetensors files.
    """
    folder = Path(folder)
    config = _json(folder / CONFIG, folder)
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return Layout(str(folder), config, (folder / name,))
        if (folder / (name + _INDEX)).is_file():
            shards = tuple(folder / shard for shard in _shards(_json(folder / (name + _INDEX), folder), folder))
            absent = [path.name for path in shards if not path.is_file()]
            if absent:
                raise ZooError(f"{folder} lacks {', '.join(absent)}, which its index names; fetch the folder again.")
            return Layout(str(folder), config, shards)
    others = sorted(path.name for path in folder.glob("*.bin"))
    hint = f" It has {', '.join(others)}, which runs code when read; convert it to safetensors." if others else ""
    raise ZooError(f"{folder} holds no weights, expected {' or '.join(_WEIGHTS)}.{hint}")


def remote(origin, subfolder=""):
    """The `Layout` of a repository `hf://user/repo[@revision]`, or a folder in it, fetched into the cache.

    What is fetched the first time is remembered by its hash; a file that lies there with another one later is refused. A folder
    of the cache that is filled by hand is taken as it is.

    Raises:
        ZooError: when it cannot be had: why, and how to place the files by hand.
    """
    folder = cache_folder(origin, subfolder)
    where = f"{origin}/{subfolder}" if subfolder else origin
    files = []

    def fetch(name, most=_MOST_WEIGHTS):
        path = folder / name
        if not path.is_file():
            fetched(origin, f"{subfolder}/{name}" if subfolder else name, most, path, _unknown)
        files.append(path)
        return path

    try:
        config = _json(fetch(CONFIG, _MOST_TEXT), where)
        shards = _fetch_weights(fetch, where)
    except Refused as reason:
        raise ZooError(
            f"{where} could not be fetched: {reason}. To do without, put its {CONFIG} and safetensors files into {folder}."
        ) from None
    _pin(folder, files, where)
    return Layout(where, config, shards)


def cache_folder(origin, subfolder=""):
    """Where the files of a repository are kept; the folder may not be there yet."""
    key = hashlib.sha256(f"{origin}/{subfolder}".encode()).hexdigest()[:16]
    return cache_dir() / "originals" / f"{origin.removeprefix('hf://').replace('/', '--').replace('@', '--')}-{key}"


def _fetch_weights(fetch, where):
    refused = []
    for name in _WEIGHTS:
        try:
            return (fetch(name),)
        except Refused as reason:
            refused.append(f"{name}: {reason}")
        try:
            index = fetch(name + _INDEX, _MOST_TEXT)
        except Refused:
            continue
        return tuple(fetch(shard) for shard in _shards(_json(index, where), where))
    raise Refused("; ".join(refused))


def _pin(folder, files, where):
    pins = folder / _PINS
    kept = _json(pins, where) if pins.is_file() else {}
    for path in files:
        entry = kept.get(path.name)
        if entry is None:
            kept[path.name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        # The size tells most of what can go wrong, at once; the whole hash of gigabytes is for `zoo verify`.
        elif path.stat().st_size != entry["bytes"]:
            raise ZooError(f"{path} is not the file that was first fetched from {where}; delete it, or {pins} to accept it.")
    write_atomically(pins, (json.dumps(kept, indent=1) + "\n").encode())


def digest(layout):
    """Hexadecimal digest of the files' content."""
    parts = []
    for path in layout.files:
        pins = path.parent / _PINS
        entry = json.loads(pins.read_text()).get(path.name) if pins.is_file() else None
        parts.append(entry["sha256"] if entry else sha256_of(path))
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def verify_public(name):
    """("ok" | "corrupt" | "absent", detail) of the files of a public model in the cache, all hashed again."""
    entry = public()[name]
    folder = cache_folder(address(entry), entry["subfolder"])
    if not (folder / _PINS).is_file():
        return "absent", f"nothing of it lies in {folder}; it is fetched from {entry['origin']} on first use"
    kept = _json(folder / _PINS, folder)
    wrong = [f"{file}: {reason}" for file, pin in kept.items() if (reason := fault(folder / file, pin))]
    if wrong:
        return "corrupt", f"{'; '.join(wrong)}; delete {folder}, and it is fetched again on next use"
    return "ok", f"{sum(pin['bytes'] for pin in kept.values()):,} bytes, as first fetched"


def _shards(index, where):
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ZooError(f"{where} has an index without a weight_map; fetch it again.")
    found = sorted(set(names.values()))
    if any(Path(name).name != name for name in found):
        raise ZooError(f"{where} has an index that names files elsewhere ({', '.join(found)}); fetch it from its origin.")
    return found


def _unknown(path):
    """There is nothing that a file can be checked for whose hash is not known."""


def _json(path, where):
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ZooError(f"{where} holds no readable {Path(path).name}, expected a model's folder.")
    return found
