"""From a manifest entry to a file whose hash has been checked: embedded, cached, or fetched from a mirror."""

import contextlib
import hashlib
import math
import os
import shutil
import socket
import time
import tomllib
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained import manifest
from zoo.utils.files import folder_beside, replacing

# Seconds a mirror may stay silent, and how often it is asked again after a fault that may pass.
TIMEOUT = 30.0
TRIES = 3
_BACKOFF = 0.5


class Refused(Exception):
    """A place does not have the file; the text says why."""


class Passing(Exception):
    """A fault that another try may not meet."""


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir():
    """Where fetched files are kept: the environment variable ZOO_CACHE, or the system's cache folder."""
    if os.environ.get("ZOO_CACHE"):
        return Path(os.environ["ZOO_CACHE"]).expanduser()
    import pooch

    return Path(pooch.os_cache("autoencoder-zoo"))


def places(entry, directory=None):
    """Where the weight file of an entry may lie on this machine: (what the place is, path), in the order of search."""
    embedded = Path(directory or manifest.weights_dir()) / entry["file"]
    return [("embedded", embedded), ("cache", cache_dir() / entry["file"])]


def fault(path, entry):
    """What is wrong with a file: None when it is the one that the entry pins, "not there" when there is none."""
    try:
        if not path.exists():
            return "not there"
        found = sha256_of(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == entry["sha256"] else _wrong(f"sha256 {found[:8]}..., expected {entry['sha256'][:8]}...")


def _wrong(detail):
    return f"wrong content ({detail})"


def locate(name, entry, directory=None):
    """Path of the weight file of an entry, its whole hash checked.

    It is looked for in the weights folder, in the cache, and at the `mirrors`. What is fetched goes to a temporary file in the
    cache, which is renamed once its hash is right; a file there with wrong content is thereby replaced.

    Raises:
        ZooError: when no place has the right file: which were tried, why each failed, and what to do.
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
            return fetched(address, entry["file"], entry["bytes"], cached, pinned(entry))
        except Refused as reason:
            tried.append(f"mirror {address}: {reason}")
    if not addresses:
        tried.append("mirrors: none configured")
    raise ZooError(
        f"the weights of {name} were not found. Looked in: {'; '.join(tried)}. Set ZOO_MIRRORS to a mirror that has "
        f"{entry['file']}, or put that file into {cached.parent}."
    )


def pinned(entry):
    """The check, for `fetched`, that a file has the `bytes` and the `sha256` of a mapping."""

    def check(path):
        size = os.path.getsize(path)
        if size < entry["bytes"]:
            raise Passing(f"only {size:,} of {entry['bytes']:,} bytes came")
        if reason := fault(path, entry):
            raise Refused(reason)

    return check


def mirrors(directory=None):
    """Addresses, in order, where weight files may lie: `https://host/folder` or `hf://user/repo`.

    They are those of the environment variable ZOO_MIRRORS (comma-separated), of the key `mirrors` of the configuration file,
    and of the manifest.
    """
    named = [address.strip() for address in os.environ.get("ZOO_MIRRORS", "").split(",") if address.strip()]
    return named + _configured() + manifest.mirrors(directory)


def config_file():
    """Path of the configuration file, TOML: the environment variable ZOO_CONFIG, or the user's configuration folder."""
    if os.environ.get("ZOO_CONFIG"):
        return Path(os.environ["ZOO_CONFIG"]).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("autoencoder-zoo")) / "config.toml"


def _configured():
    path = config_file()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if os.environ.get("ZOO_CONFIG"):
            raise ZooError(f"there is no file {path}, which ZOO_CONFIG names.") from None
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'no text'}).") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ZooError(f"{path} is no TOML: {error}.") from None
    listed = found.pop("mirrors", [])
    if found:
        raise ZooError(f"{path} has the key {next(iter(found))!r}, expected mirrors alone.")
    if not isinstance(listed, list) or not all(isinstance(address, str) for address in listed):
        raise ZooError(f'{path} has mirrors = {listed!r}, expected a list of addresses, such as ["https://host/folder"].')
    return listed


def fetched(address, file, most, target, check):
    """`target`, replaced by what lies at `address` under the name `file`, once `check(path)` has found nothing wrong with it.

    Args:
        address: `https://host/folder` or `hf://user/repo`, of which `hf://user/repo@revision` is one state.
        file: name there.
        most: bytes that it may have.
        target: path, in a folder that is made.
        check: raises `Passing` at what another try may mend, `Refused` at anything else.

    Raises:
        Refused: when it is not to be had there; the text says why, and `target` is as it was.
    """
    address = address.rstrip("/")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = contextlib.ExitStack()
        temporary = beside.enter_context(replacing(target))
    except OSError as error:
        raise Refused(f"the cache {target.parent} is not writable ({error.strerror}), set ZOO_CACHE to one that is") from None
    try:
        with beside:
            _fetch_and_check(address, file, most, temporary, check)
    except OSError as error:
        raise Refused(f"it could not be written to {target} ({error.strerror})") from None
    return target


def _fetch_and_check(address, file, most, path, check):
    for attempt in range(TRIES):
        try:
            _download(address, file, most, path)
            return check(path)
        except Passing as reason:
            if attempt == TRIES - 1:
                raise Refused(f"{reason}, {TRIES} times") from None
            time.sleep(_BACKOFF * 2**attempt)


def _download(address, file, most, path):
    if address.startswith("hf://"):
        return _from_hub(address.removeprefix("hf://"), file, path)
    if not address.startswith(("http://", "https://")):
        raise Refused("unknown kind of address, expected https://... or hf://user/repo")
    import pooch
    import requests

    fetch = pooch.HTTPDownloader(timeout=_timeout(), progressbar=False, chunk_size=2**16)
    try:
        with open(path, "wb") as written:
            fetch(f"{address}/{file}", _Limited(written, most), None)
    except requests.HTTPError as error:
        status = error.response.status_code
        kind = Passing if status >= 500 or status in (408, 429) else Refused
        raise kind(f"answered {status} {error.response.reason}") from None
    except requests.Timeout:
        raise Passing("timed out") from None
    except requests.exceptions.SSLError:
        raise Refused("its certificate was not accepted") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise Passing(_broken(error)) from None
    # A malformed header is a ValueError. A disk that is full is an OSError, and so is every RequestException: its turn is first.
    except (requests.RequestException, ValueError) as error:
        raise Refused(f"no usable address or answer ({type(error).__name__})") from None


def _timeout():
    text = os.environ.get("ZOO_TIMEOUT") or TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ZooError(f"got ZOO_TIMEOUT={text!r}, expected a positive number of seconds.")
    return seconds


def _broken(error):
    # The text also holds the address, but an address holds no space.
    text = str(error)
    for sign, words in (
        (" refused", "connection refused"),
        (" timed out", "timed out"),
        (" resolve", "no such host, or no network"),
        (" unreachable", "no network"),
    ):
        if sign in text:
            return words
    return "the connection broke"


class _Limited:
    """A file that takes so many bytes and no more, so that no mirror fills the disk."""

    def __init__(self, file, limit):
        self._file = file
        self._limit = limit
        self._size = 0

    def write(self, chunk):
        self._size += len(chunk)
        if self._size > self._limit:
            raise Refused(_wrong(f"more than the expected {self._limit:,} bytes"))
        self._file.write(chunk)

    def flush(self):
        self._file.flush()


def _from_hub(repository, file, path):
    repository, _, revision = repository.partition("@")
    try:
        from huggingface_hub import constants, hf_hub_download
        from huggingface_hub.errors import (
            EntryNotFoundError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError:
        raise Refused("needs the extra 'hub': pip install 'autoencoder-zoo[hub]'") from None
    if not _is_within_reach(constants.ENDPOINT):
        raise Refused("the hub did not answer: no such host, or no network")
    try:
        with folder_beside(path) as folder:
            # Copied, for `path` is locked, and another file in its place would not be.
            shutil.copyfile(hf_hub_download(repository, file, revision=revision or None, local_dir=folder), path)
    except LocalEntryNotFoundError:
        # A kind of EntryNotFoundError, but it says that there was no connection; the client has tried for long enough.
        raise Refused("the hub did not answer") from None
    except (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError):
        raise Refused("not in that repository") from None
    except HFValidationError:
        raise Refused("not a repository's name, expected hf://user/repo") from None
    except (HfHubHTTPError, OSError) as error:
        raise Refused(f"the hub did not answer ({type(error).__name__})") from None


def _is_within_reach(address):
    """Whether the name of a server is known here: the hub's client tries again for half a minute before it gives up."""
    import urllib.parse
    import urllib.request

    server = urllib.parse.urlsplit(address)
    if {server.scheme, "all"} & set(urllib.request.getproxies()) and not urllib.request.proxy_bypass(server.hostname):
        # The proxy is asked, and may know more names.
        return True
    try:
        socket.getaddrinfo(server.hostname, server.port or server.scheme)
    except OSError:
        return False
    return True
