"""Saved models at an address: the config is asked for each time, the weights once, and checked by the hash that it states."""

import hashlib
import re
import warnings

from zoo.errors import ZooError
from zoo.pretrained.converters.layout import cache_folder
from zoo.pretrained.converters.original import original
from zoo.pretrained.fetch import Refused, cache_dir, fault, fetched, pinned
from zoo.pretrained.resolve import ARRAYS, CONFIG, Stored, is_original, read_config

# More than any config has.
_MOST_CONFIG = 1_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


def stored_at(address):
    """The `Stored` of a folder that `zoo.save` wrote, at `hf://user/repo` or `https://host/folder`; or the
    `zoo.pretrained.converters.Original` of one in the layout of transformers or diffusers.

    Raises:
        ZooError: when there is none, or its config states no hash.
    """
    address = address.rstrip("/")
    if not address.startswith(("hf://", "http://", "https://")):
        raise ZooError(f"got the address {address!r}, expected hf://user/repo or https://host/folder.")
    if is_original(cache_folder(address) / CONFIG):
        # Fetched before, or laid there by hand.
        return original(address)
    folder = cache_dir() / "models" / hashlib.sha256(address.encode()).hexdigest()[:16]
    kept = folder / CONFIG
    try:
        fetched(address, CONFIG, _MOST_CONFIG, kept, _is_config)
    except Refused as reason:
        if not kept.is_file():
            raise ZooError(f"there is no saved model at {address}: {CONFIG} {reason}.") from None
        warnings.warn(f"{address} was not reached ({reason}); this is the copy in the cache.", stacklevel=2)
    if is_original(kept):
        return original(address)
    saved = read_config(kept, address)
    digest, size = saved.get("sha256"), saved.get("bytes")
    if not (isinstance(digest, str) and _SHA256.fullmatch(digest) and isinstance(size, int) and size > 0):
        raise ZooError(f"the {CONFIG} at {address} states no hash and size of its weights; save the model again and push it.")
    return Stored(address.rpartition("/")[2], saved["config"], lambda: _weights(address, saved, folder), lambda: digest)


def _is_config(path):
    if is_original(path):
        return
    try:
        read_config(path, "it")
    except ZooError as error:
        raise Refused(str(error)) from None


def _weights(address, saved, folder):
    target = folder / f"{saved['sha256'][:16]}.safetensors"
    if fault(target, saved) is None:
        return target
    try:
        return fetched(address, ARRAYS, saved["bytes"], target, pinned(saved))
    except Refused as reason:
        raise ZooError(f"the weights at {address} could not be fetched: {ARRAYS} {reason}.") from None
