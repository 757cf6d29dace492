"""From a manifest entry to a file with a checked hash: installed, cached, or downloaded from a mirror."""

import os
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained import manifest
from zoo.pretrained.download import Refused, download, matches
from zoo.pretrained.hashes import fault
from zoo.pretrained.mirrors import mirrors


def cache_dir():
    """The folder of downloaded files: the environment variable ZOO_CACHE, or the system's cache folder."""
    if os.environ.get("ZOO_CACHE"):
        return Path(os.environ["ZOO_CACHE"]).expanduser()
    import pooch

    return Path(pooch.os_cache("autoencoder-zoo"))


def places(entry, directory=None):
    """Possible places of the weight file of an entry on this machine: pairs (kind of place, path), in search order."""
    folders = manifest.folders() if directory is None else [Path(directory)]
    return [*(("installed", folder / entry["file"]) for folder in folders), ("cache", cache_dir() / entry["file"])]


def locate(name, entry, directory=None):
    """Path of the weight file of an entry, with its hash checked.

    The installed folders (or only `directory`, if given), the cache and the mirrors are searched. A download goes to a temporary
    file in the cache, which is renamed once its hash is correct and replaces a file with wrong content.

    Raises:
        ZooError: if no place has the right file; the message lists the places, why each failed, and what to do.
    """
    tried = []
    for place, path in places(entry, directory):
        reason = fault(path, entry)
        if reason is None:
            return path
        tried.append(f"{place} {path}: {reason}")
    cached = cache_dir() / entry["file"]
    addresses = mirrors(directory)
    for address in addresses:
        try:
            return download(address, entry["file"], entry["bytes"], cached, matches(entry))
        except Refused as reason:
            tried.append(f"mirror {address}: {reason}")
    if not addresses:
        tried.append("mirrors: none configured")
    raise ZooError(
        f"the weights of {name} were not found. Looked in: {'; '.join(tried)}. To install the weights: "
        f"{manifest.INSTALL}. Or set ZOO_MIRRORS to a mirror that has {entry['file']}, or put that file into {cached.parent}."
    )
