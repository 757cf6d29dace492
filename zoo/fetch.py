"""From a manifest entry to a file whose hash has been checked: embedded, cached, or fetched from a mirror."""

import hashlib
import os
import tempfile
import time
from pathlib import Path

from zoo import manifest
from zoo.errors import ZooError

# Seconds a mirror may stay silent, and how often it is asked again after a fault that may pass.
TIMEOUT = 30.0
TRIES = 3
_BACKOFF = 0.5


class _Refused(Exception):
    """A place does not have the file; the text says why."""


class _Passing(Exception):
    """A fault that another try may not meet."""


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir():
    """Where fetched files are kept: the environment variable ZOO_CACHE, or the system's cache folder."""
    if os.environ.get("ZOO_CACHE"):
        return Path(os.environ["ZOO_CACHE"])
    import pooch

    return Path(pooch.os_cache("autoencoder-zoo"))


def locate(name, entry, directory=None):
    """Path of the weight file of an entry, its whole hash checked.

    It is looked for in the weights folder, in the cache, and at the mirrors of ZOO_MIRRORS (comma-separated) and of the
    manifest: `https://host/folder` or `hf://user/repo`. A fetched file goes to a temporary one in the cache and is renamed
    once its hash is right.

    Raises:
        ZooError: when no place has the right file: which were tried, why each failed, and what to do.
    """
    tried = []
    cached = cache_dir() / entry["file"]
    for place, path in (("embedded", (directory or manifest.weights_dir()) / entry["file"]), ("cache", cached)):
        path = Path(path)
        if not path.is_file():
            tried.append(f"{place} {path}: not there")
        elif (found := sha256_of(path)) == entry["sha256"]:
            return path
        else:
            tried.append(f"{place} {path}: wrong content (sha256 {found[:8]}..., expected {entry['sha256'][:8]}...)")
    addresses = [a.strip() for a in os.environ.get("ZOO_MIRRORS", "").split(",") if a.strip()] + manifest.mirrors(directory)
    for address in addresses:
        try:
            return _from_mirror(address.rstrip("/"), entry, cached)
        except _Refused as reason:
            tried.append(f"mirror {address}: {reason}")
    if not addresses:
        tried.append("mirrors: none configured")
    raise ZooError(
        f"the weights of {name} were not found. Looked in: {'; '.join(tried)}. Set ZOO_MIRRORS to a mirror that has "
        f"{entry['file']}, or put that file into {cached.parent}."
    )


def _from_mirror(address, entry, target):
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise _Refused(f"nowhere to put it, the cache {target.parent} is not writable ({error.strerror}); set ZOO_CACHE") from None
    try:
        for attempt in range(TRIES):
            try:
                _download(address, entry, temporary)
                break
            except _Passing as fault:
                if attempt == TRIES - 1:
                    raise _Refused(f"{fault}, {TRIES} times") from None
                time.sleep(_BACKOFF * 2**attempt)
        found = sha256_of(temporary)
        if found != entry["sha256"]:
            raise _Refused(f"wrong content (sha256 {found[:8]}..., expected {entry['sha256'][:8]}...)")
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
        return target
    finally:
        Path(temporary).unlink(missing_ok=True)


def _download(address, entry, path):
    if address.startswith("hf://"):
        return _from_hub(address.removeprefix("hf://"), entry, path)
    if not address.startswith(("http://", "https://")):
        raise _Refused("unknown kind of address, expected https://... or hf://user/repo")
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(timeout=float(os.environ.get("ZOO_TIMEOUT", TIMEOUT)), progressbar=False)
    try:
        fetch(f"{address}/{entry['file']}", str(path), None)
    except requests.HTTPError as error:
        status = error.response.status_code
        kind = _Passing if status >= 500 or status == 429 else _Refused
        raise kind(f"answered {status} {error.response.reason}") from None
    except requests.Timeout:
        raise _Passing("timed out") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        refused = "refused" in str(error).lower()
        raise _Passing("connection refused" if refused else "the connection broke") from None
    except requests.RequestException as error:
        raise _Refused(f"not a usable address ({type(error).__name__})") from None
    size = os.path.getsize(path)
    if size < entry["bytes"]:
        raise _Passing(f"only {size:,} of {entry['bytes']:,} bytes came")


def _from_hub(repository, entry, path):
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError
    except ImportError:
        raise _Refused("needs the extra 'hub': pip install 'autoencoder-zoo[hub]'") from None
    try:
        with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
            os.replace(hf_hub_download(repository, entry["file"], local_dir=folder), path)
    except (EntryNotFoundError, RepositoryNotFoundError):
        raise _Refused("not in that repository") from None
    except (HfHubHTTPError, OSError) as error:
        raise _Passing(f"the hub did not answer ({type(error).__name__})") from None
