"""Models in the layout of another library: `config.json` and weight files, or weight files that are recognized by their arrays.
They are in a local folder, or at an address. Hashes that are not known are recorded at the first download. Loads no framework."""

import hashlib
import json
import re
import shutil
import warnings
from pathlib import Path

from zoo.errors import ZooError, ZooWarning
from zoo.pretrained.array_files import arrays_of, is_array_file, other_half
from zoo.pretrained.cache import cache_dir
from zoo.pretrained.checkpoint import ARRAYS, CONFIG, ForeignCheckpoint
from zoo.pretrained.converters.families import family, kind, recognized
from zoo.pretrained.download import Absent, Refused, download
from zoo.pretrained.hashes import fault, sha256_of
from zoo.utils.files import write_atomically

# The weight files of transformers and diffusers, in the order of search; each may be split into shards listed by an index.
_WEIGHTS = (
    "model.safetensors",
    "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.bin",
)
_INDEX = ".index.json"
_PINS = "pins.json"
# Maximum size in bytes of a config or an index.
_MOST_TEXT = 50_000_000


def is_foreign(file):
    """Whether a `config.json` is of transformers or diffusers: these name a class."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return kind(found) is not None and "schema" not in found


def is_bare(path):
    """Whether a path is a file of arrays, or a folder of such without a config."""
    path = Path(path)
    return (path.is_file() and is_array_file(path)) or (path.is_dir() and not (path / CONFIG).exists() and bool(_inside(path)))


def local(path):
    """The `ForeignCheckpoint` of a folder, or of a file of arrays. The file of an encoder means that of its decoder, too.

    Raises:
        ZooError: if it has no config or no weight files, or is not supported.
    """
    path = Path(path)
    if is_bare(path):
        files = _bare_files(path)
        converter, config = recognized({name: tuple(array.shape) for name, array in arrays_of(files)}, path)
    else:
        config = _json(path / CONFIG, path)
        converter, files = family(config, str(path)), _local_files(path)
    # Without the suffix of a file.
    name = path.resolve().stem if path.is_file() else path.resolve().name
    return _checkpoint(name, converter, config, str(path), None, lambda: files, lambda: _digest(map(sha256_of, files)))


def remote(origin, subfolder="", name=None, input_shape=None, pins=None, most=None, config=None, files=()):
    """The `ForeignCheckpoint` of a folder at an address, downloaded to the cache: the config now, the weights when requested.

    If the hash of a file is not known, that of the first download is recorded, with a warning, and a file with another hash is
    refused later. Files that the user has copied to the folder in the cache are used without a download.

    Args:
        origin: `hf://user/repo[@revision]` or `https://host/folder`.
        subfolder: subfolder of the repository.
        name: name of the model (default: that of the subfolder or the repository).
        input_shape: shape of an image (default: that of the config).
        pins: mapping of file names to their known hexadecimal SHA-256.
        most: maximum size of a weight file in bytes (default: the free space of the disk).
        config, files: for files without a config, what `families.recognized` would return, and the names of the files.

    Raises:
        ZooError: if the files cannot be downloaded; the message states the reason and where to copy them to.
    """
    where = f"{origin}/{subfolder}" if subfolder else origin
    folder, pins = cache_folder(origin, subfolder), pins or {}
    state = {}

    wanted = f"{CONFIG} and its weight files" if config is None else " and ".join(files)
    names = files

    def fetch(file, most):
        path = folder / file
        if not path.is_file():
            download(origin, f"{subfolder}/{file}" if subfolder else file, most, path)
        return path

    def files():
        if "files" not in state:
            paths = _with_advice(where, folder, wanted, lambda: _downloaded_files(fetch, where, folder, most, names))
            hashes = _checked_hashes(folder, [*([] if names else [folder / CONFIG]), *paths], pins, where)
            state["digest"] = _digest(hashes[len(hashes) - len(paths) :])
            state["files"] = paths
        return state["files"]

    def digest():
        files()
        return state["digest"]

    if config is None:
        config = _json(_with_advice(where, folder, wanted, lambda: fetch(CONFIG, _MOST_TEXT)), where)
    name = name or subfolder or origin.rpartition("/")[2].partition("@")[0]
    return _checkpoint(name, family(config, where), config, where, input_shape, files, digest)


def cache_folder(origin, subfolder=""):
    """The folder in the cache for the files of an address; it may not exist yet."""
    key = hashlib.sha256(f"{origin}/{subfolder}".encode()).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "--", origin.removeprefix("hf://").removeprefix("https://").removeprefix("http://"))
    return cache_dir() / "originals" / f"{readable[:80]}-{key}"


def state_of(folder, pins, origin):
    """("ok" | "unpinned" | "corrupt" | "absent", detail) of a model in the cache; the hash of every file is computed again.

    "ok": the files have the hashes `pins`, a mapping of file names to SHA-256. "unpinned": no hash is known of some file, and all
    files are as first downloaded.
    """
    if not (folder / _PINS).is_file():
        return "absent", f"not in the cache {folder}; it is downloaded from {origin} on first use"
    kept = _json(folder / _PINS, folder)
    expected = {file: {**pin, "sha256": pins.get(file, pin["sha256"])} for file, pin in kept.items()}
    faults = [f"{file}: {reason}" for file, pin in expected.items() if (reason := fault(folder / file, pin))]
    if faults:
        return "corrupt", f"{'; '.join(faults)}; delete {folder}, and the model is downloaded again on next use"
    size = f"{sum(pin['bytes'] for pin in kept.values()):,} bytes"
    weights = [file for file in kept if is_array_file(file)]
    if weights and all(file in pins for file in weights):
        return "ok", f"{size}, with the published hashes"
    return "unpinned", f"{size}, as first downloaded; the zoo knows no hash of its files and cannot verify them"


def _checkpoint(name, converter, config, where, input_shape, files, sha256):
    zoo_config = converter.config(config, input_shape and tuple(input_shape))
    return ForeignCheckpoint(name, zoo_config, files, sha256, converter, config, where)


def _with_advice(where, folder, wanted, fetch):
    """`fetch()`; if it fails, a `ZooError` that states where to copy the files to."""
    try:
        return fetch()
    except Refused as reason:
        raise ZooError(
            f"{where} could not be downloaded: {reason}. To use it without a download, copy its {wanted} to {folder}."
        ) from None


def _local_files(folder):
    for name in _WEIGHTS:
        if (folder / name).is_file():
            return (folder / name,)
        if (folder / (name + _INDEX)).is_file():
            shards = tuple(folder / shard for shard in _shards(_json(folder / (name + _INDEX), folder), folder))
            absent = [path.name for path in shards if not path.is_file()]
            if absent:
                raise ZooError(f"{folder} lacks {', '.join(absent)}, listed in its index; download the folder again.")
            return shards
    raise ZooError(f"{folder} contains no weights, expected {' or '.join(_WEIGHTS)}.")


def _inside(folder):
    """The weight files in a folder, without those that `zoo.save` writes."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_array_file(path) and path.name != ARRAYS)


def _bare_files(path):
    files = [path] if path.is_file() else _inside(path)
    halves = other_half(files[0])
    if len(files) > 2 or (len(files) == 2 and files[1] != halves):
        raise ZooError(f"{path} contains several models ({', '.join(file.name for file in files)}); give one of these files.")
    return tuple(sorted({files[0], halves or files[0]}))


def _downloaded_files(fetch, where, folder, most, names):
    # Without a config, nothing has been downloaded yet.
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    most = min(most or free, free)
    if names:
        return tuple(fetch(name, most) for name in names)
    # Files that are in the folder already come first, so that no request is sent for them.
    for name in sorted(_WEIGHTS, key=lambda name: not ((folder / name).is_file() or (folder / (name + _INDEX)).is_file())):
        if not (folder / (name + _INDEX)).is_file():
            try:
                return (fetch(name, most),)
            except Absent:
                pass
        try:
            index = fetch(name + _INDEX, _MOST_TEXT)
        except Absent:
            continue
        return tuple(fetch(shard, most) for shard in _shards(_json(index, where), where))
    raise Refused(f"it has none of {', '.join(_WEIGHTS)}")


def _checked_hashes(folder, paths, pins, where):
    """The hashes of files, each compared with the known or recorded one; if there is none, it is recorded, with a warning."""
    kept_file = folder / _PINS
    kept = _json(kept_file, where) if kept_file.is_file() else {}
    found, unknown = [], []
    for path in paths:
        digest = sha256_of(path)
        entry = kept.get(path.name)
        if path.name in pins and digest != pins[path.name]:
            raise ZooError(f"{path} has the sha256 {digest[:8]}..., expected {pins[path.name][:8]}...; delete it.")
        if entry is not None and digest != entry["sha256"]:
            raise ZooError(f"{path} differs from the file first downloaded from {where}; delete it, or {kept_file} to accept it.")
        if entry is None:
            kept[path.name] = {"sha256": digest, "bytes": path.stat().st_size}
            if path.name not in pins and path.name != CONFIG:
                unknown.append(path.name)
        found.append(digest)
    if unknown:
        warnings.warn(
            f"{where} is not verified, because the zoo knows no hash of {', '.join(unknown)}. The hash of this download is "
            f"recorded in {kept_file}, and later copies must match it.",
            ZooWarning,
            stacklevel=2,
        )
    write_atomically(kept_file, (json.dumps(kept, indent=1) + "\n").encode())
    return found


def _digest(hashes):
    """Hexadecimal digest of the hashes of several files."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _shards(index, where):
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ZooError(f"{where} has an index without a weight_map; download it again.")
    found = sorted(set(names.values()))
    if any(Path(name).name != name for name in found):
        raise ZooError(f"{where} has an index with files in other folders ({', '.join(found)}); download it from its origin.")
    return found


def _json(path, where):
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ZooError(f"{where} contains no readable {Path(path).name}, expected the folder of a model.")
    return found
