"""The manifest: descriptions of all weight sets, as JSON. Loads no framework; written atomically."""

import contextlib
import json
import os
import re
from pathlib import Path

from zoo.errors import ZooError, suggest
from zoo.models import registry
from zoo.pretrained import installed
from zoo.utils.files import write_atomically

SCHEMA = 1
# Command that installs all weight sets.
INSTALL = "pip install 'autoencoder-zoo[weights]' (in a checkout: pip install . ./weights)"
_FILE = "manifest.json"
_NAME = re.compile(r"[a-z0-9_]+_[a-z0-9]+\.[A-Za-z0-9][A-Za-z0-9-]*")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def weights_dir():
    """The folder of the zoo's own manifest and weight files: a checkout's `weights/`, else the folder inside the package."""
    return installed.own_folder()


def folders():
    """Folders of weight files, in the order of search: the zoo's own, then, for an installed package, which contains only a few
    sets, those of data packages and of a checkout that contains the working directory."""
    own = weights_dir()
    if installed.own_checkout() or own != installed.own_folder():
        return [own]
    return [own, *installed.other_folders()]


def is_installed(entry):
    """Whether the weight file of an entry is in one of the `folders`."""
    return any((folder / entry["file"]).is_file() for folder in folders())


def read(directory=None):
    """Mapping of weight set name to entry, of one folder or of all; empty if there is no manifest.

    If several folders have an entry of the same name, the first one whose weight file is installed is used, else the first one.

    Raises:
        ZooError: if a manifest is invalid; the message names the entry and the field.
    """
    if directory is not None:
        return _read_all(directory)["weights"]
    found = {}
    for folder in folders():
        for name, entry in _read_all(folder)["weights"].items():
            if name not in found or (found[name] != entry and not is_installed(found[name]) and is_installed(entry)):
                found[name] = entry
    return dict(sorted(found.items()))


def mirrors(directory=None):
    """Addresses of mirrors that the manifests list, in order."""
    listed = (_read_all(folder).get("mirrors", []) for folder in ([directory] if directory is not None else folders()))
    return list(dict.fromkeys(address for addresses in listed for address in addresses))


def described(sha256, config):
    """(name, entry) of the weight set with this hash and config; None if there is none."""
    known = read().items()
    return next(((name, entry) for name, entry in known if entry["sha256"] == sha256 and _same(entry["config"], config)), None)


def _same(stated, config):
    """Whether a config is that of a manifest entry, which may be older than some options: those must have their defaults."""
    newer = {option: value for option, value in config.items() if option not in stated}
    if {option: value for option, value in config.items() if option in stated} != stated:
        return False
    usual = registry.defaults(config["variant"]) if newer else {}
    return all(option in usual and usual[option] == value for option, value in newer.items())


def entry(name, directory=None, others=()):
    """The entry of a weight set.

    Raises:
        ZooError: if there is none; the message suggests similar names, of sets or of `others`.
    """
    entries = read(directory)
    if name not in entries:
        known = "zoo.list_weights() and 'zoo list' give all names." if entries else "The manifest has none."
        raise ZooError(f"there is no weight set {name!r}.{suggest(name, [*entries, *others])} {known}")
    return entries[name]


def write_entry(name, entry, directory):
    """Add or replace an entry, atomically and under a lock. Its `revision` increases when the weights change.

    Raises:
        ZooError: if the entry is invalid or the folder cannot be written; the manifest is then unchanged.
    """
    _check(name, entry)
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory):
            manifest = _read_all(directory)
            earlier = manifest["weights"].get(name)
            revision = earlier.get("revision", 1) + (earlier["sha256"] != entry["sha256"]) if earlier else 1
            manifest["weights"][name] = {**entry, "revision": revision}
            # Sets are sorted by name to keep differences small; the fields of an entry keep the order of its recipe.
            manifest["weights"] = dict(sorted(manifest["weights"].items()))
            write_atomically(directory / _FILE, _as_text(name, manifest).encode())
    except OSError as error:
        raise ZooError(f"the manifest entry {name!r} could not be written to {directory} ({error.strerror}).") from None


def _as_text(name, manifest):
    try:
        return json.dumps(manifest, indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ZooError(
            f"the manifest entry {name!r} cannot be written as JSON ({error}), expected finite numbers and strings."
        ) from None


def _read_all(directory):
    path = Path(directory) / _FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"schema": SCHEMA, "mirrors": [], "weights": {}}
    except (OSError, ValueError) as error:
        raise ZooError(f"the manifest {path} cannot be read ({error}); restore it from its origin.") from None
    if not isinstance(manifest, dict):
        raise ZooError(f"the manifest {path} is not a mapping; restore it from its origin.")
    if manifest.get("schema") != SCHEMA:
        raise ZooError(f"the manifest {path} has schema {manifest.get('schema')!r}, expected {SCHEMA}; update autoencoder-zoo.")
    if not isinstance(manifest.get("weights"), dict):
        raise ZooError(f"the manifest {path} has no 'weights' mapping; restore it from its origin.")
    mirrors = manifest.get("mirrors", [])
    if not isinstance(mirrors, list) or not all(isinstance(mirror, str) for mirror in mirrors):
        raise ZooError(f"the manifest {path} has mirrors={mirrors!r}, expected a list of addresses.")
    for name, value in manifest["weights"].items():
        _check(name, value)
    return manifest


def _check(name, entry):
    def refuse(field, wanted):
        raise ZooError(f"the manifest entry {name!r} has {field}={entry.get(field)!r}, expected {wanted}.")

    if not _NAME.fullmatch(name):
        raise ZooError(f"the manifest has an entry named {name!r}, expected <variant>_<backbone>.<dataset>.")
    if not isinstance(entry, dict):
        raise ZooError(f"the manifest entry {name!r} is {type(entry).__name__}, expected a mapping.")
    # With paths, a manifest could cause files anywhere to be read and written.
    if not isinstance(entry.get("file"), str) or not _PLAIN.fullmatch(entry["file"]):
        refuse("file", "a plain file name")
    if not isinstance(entry.get("sha256"), str) or not _SHA256.fullmatch(entry["sha256"]):
        refuse("sha256", "64 lower-case hexadecimal digits")
    if not isinstance(entry.get("bytes"), int) or isinstance(entry["bytes"], bool) or entry["bytes"] <= 0:
        refuse("bytes", "a positive number")
    if type(entry.get("revision", 1)) is not int:
        refuse("revision", "a whole number")
    if not isinstance(entry.get("config"), dict) or "variant" not in entry["config"]:
        refuse("config", "a mapping with the variant")


@contextlib.contextmanager
def _locked(directory):
    try:
        import fcntl
    except ImportError:  # Windows has no such locks.
        yield
        return
    # The folder itself is locked, so that no lock file remains in it.
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
