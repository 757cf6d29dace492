"""Models at an address. The config is requested each time, the weights once; they are checked by the hash in the config."""

import hashlib
import os
import re
import warnings

from zoo.errors import ZooError, ZooWarning
from zoo.pretrained import foreign
from zoo.pretrained.cache import cache_dir
from zoo.pretrained.checkpoint import ARRAYS, CONFIG, Checkpoint, read_config
from zoo.pretrained.download import Refused, download, matches
from zoo.pretrained.hashes import fault

# Maximum size of a config in bytes.
_MOST_CONFIG = 1_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")


def checkpoint_at(address):
    """The `Checkpoint` of a folder at `hf://user/repo[@revision]` or `https://host/folder`: one that `zoo.save` wrote, or one in
    the layout of transformers or diffusers.

    Raises:
        ZooError: if there is no model, or its config states no hash.
    """
    address = address.rstrip("/")
    if not address.startswith(("hf://", "http://", "https://")):
        raise ZooError(f"got the address {address!r}, expected hf://user/repo or https://host/folder.")
    if foreign.is_foreign(foreign.cache_folder(address) / CONFIG):
        # Downloaded before, or copied there by the user.
        return foreign.remote(address)
    folder = cache_dir() / "models" / hashlib.sha256(address.encode()).hexdigest()[:16]
    kept = folder / CONFIG
    try:
        download(address, CONFIG, _MOST_CONFIG, kept, _is_config)
    except Refused as reason:
        if not kept.is_file():
            raise ZooError(f"there is no saved model at {address}: {CONFIG} {reason}.") from None
        warnings.warn(f"{address} could not be reached ({reason}); using the copy in the cache.", ZooWarning, stacklevel=3)
    if foreign.is_foreign(kept):
        # Moved to the cache of such models, so that it is not downloaded twice.
        place = foreign.cache_folder(address)
        place.mkdir(parents=True, exist_ok=True)
        os.replace(kept, place / CONFIG)
        return foreign.remote(address)
    saved = read_config(kept, address)
    digest, size = saved.get("sha256"), saved.get("bytes")
    if not (isinstance(digest, str) and _SHA256.fullmatch(digest) and isinstance(size, int) and size > 0):
        raise ZooError(f"the {CONFIG} at {address} states no hash and size of its weights; save the model again and upload it.")
    return Checkpoint(address.rpartition("/")[2], saved["config"], lambda: (_weights(address, saved, folder),), lambda: digest)


def _is_config(path):
    if foreign.is_foreign(path):
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
        return download(address, ARRAYS, saved["bytes"], target, matches(saved))
    except Refused as reason:
        raise ZooError(f"the weights at {address} could not be downloaded: {ARRAYS} {reason}.") from None
