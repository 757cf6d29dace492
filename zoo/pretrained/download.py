"""Downloads from web servers and the Hugging Face Hub: to a temporary file of limited size, checked, then renamed."""

import contextlib
import math
import os
import time

from zoo.errors import ZooError
from zoo.pretrained.hashes import fault, wrong
from zoo.utils.distributions import missing_package
from zoo.utils.files import replacing

# Timeout in seconds without data from the server, and the number of attempts when a failure may be temporary.
TIMEOUT = 30.0
TRIES = 3
_BACKOFF = 0.5


class Refused(Exception):
    """A file cannot be downloaded from an address; the message states the reason."""


class Absent(Refused):
    """The file does not exist at an address that could be reached; a file of another name may exist there."""


class TemporaryFailure(Exception):
    """A failure that may not occur in another attempt."""


def download(address, file, most, target, check=lambda path: None):
    """Download a file to `target`, which is replaced after `check(path)` has accepted the temporary file; returns `target`.

    Args:
        address: `https://host/folder`, `hf://user/repo` or `hf://user/repo@revision`.
        file: name of the file at the address.
        most: maximum size in bytes; a larger file is refused as soon as its size is known.
        target: path to write to; its folder is created.
        check: function of the path; raises `TemporaryFailure` if another attempt may help, otherwise `Refused`.

    Raises:
        Refused: if the file cannot be downloaded; the message states the reason, and `target` is unchanged.
    """
    url, headers = _request(address.rstrip("/"), file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stack = contextlib.ExitStack()
        temporary = stack.enter_context(replacing(target))
    except OSError as error:
        raise Refused(f"the cache {target.parent} is not writable ({error.strerror}), set ZOO_CACHE to another folder") from None
    try:
        with stack:
            _stream_and_check(url, headers, most, temporary, check)
    except OSError as error:
        raise Refused(f"it could not be written to {target} ({error.strerror})") from None
    return target


def _stream_and_check(url, headers, most, path, check):
    for attempt in range(TRIES):
        try:
            _stream(url, headers, most, path)
            return check(path)
        except TemporaryFailure as reason:
            if attempt == TRIES - 1:
                raise Refused(f"{reason}, in {TRIES} attempts") from None
            time.sleep(_BACKOFF * 2**attempt)


def matches(entry):
    """A check for `download`: the file must have the size `bytes` and the hash `sha256` of the mapping `entry`."""

    def check(path):
        size = os.path.getsize(path)
        if size < entry["bytes"]:
            raise TemporaryFailure(f"only {size:,} of {entry['bytes']:,} bytes were received")
        if reason := fault(path, entry):
            raise Refused(reason)

    return check


def _request(address, file):
    """URL and headers of the request for a file at an address."""
    if address.startswith("hf://"):
        return _at_hub(address.removeprefix("hf://"), file)
    if not address.startswith(("http://", "https://")):
        raise Refused("unknown type of address, expected https://... or hf://user/repo")
    return f"{address}/{file}", {}


def _at_hub(repository, file):
    repository, _, revision = repository.partition("@")
    try:
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import build_hf_headers
    except ImportError:
        raise Refused(str(missing_package("an address of the Hub", "huggingface_hub"))) from None
    if constants.HF_HUB_OFFLINE:
        raise Refused("the Hub is not accessed because HF_HUB_OFFLINE is set")
    try:
        if repository.count("/") != 1:
            raise HFValidationError(repository)
        url = hf_hub_url(repository, file, revision=revision or None)
        return url, build_hf_headers(library_name="autoencoder-zoo")
    except HFValidationError:
        raise Refused("not the name of a repository, expected hf://user/repo") from None


def _stream(url, headers, most, path):
    """Write the content of `url` to `path`, by one request, of which at most `most` bytes are accepted."""
    import requests

    try:
        with requests.get(url, headers=headers, stream=True, timeout=_timeout()) as answer:
            _raise_for_status(answer)
            _check_size(int(answer.headers.get("Content-Length", 0)), most)
            size = 0
            with open(path, "wb") as written:
                for chunk in answer.iter_content(2**16):
                    size += len(chunk)
                    _check_size(size, most)
                    written.write(chunk)
    except requests.Timeout:
        raise TemporaryFailure("timed out") from None
    except requests.exceptions.SSLError:
        raise Refused("the certificate of the server was not accepted") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise TemporaryFailure(_connection_failure(error)) from None
    # A malformed header is a ValueError. Every RequestException is an OSError, as is a full disk, which the caller reports.
    except (requests.RequestException, ValueError) as error:
        if isinstance(error, ZooError):
            raise
        raise Refused(f"invalid address or response ({type(error).__name__})") from None


def _check_size(size, most):
    """Refuse a file larger than expected, so that no server can fill the disk."""
    if size > most:
        raise Refused(wrong(f"more than the expected {most:,} bytes"))


def _raise_for_status(answer):
    if answer.status_code < 400:
        return
    # The Hub's own error code is more precise: a missing repository or file may have the status 401 or 404.
    code = answer.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        raise Refused("the repository requires a licence to be accepted: accept it on its page and log in with 'hf auth login'")
    if code.endswith("NotFound"):
        raise Absent("not found in this repository")
    text = f"the server responded {answer.status_code} {answer.reason}"
    if answer.status_code >= 500 or answer.status_code in (408, 429):
        raise TemporaryFailure(text)
    raise (Absent if answer.status_code in (404, 410) else Refused)(text)


def _timeout():
    text = os.environ.get("ZOO_TIMEOUT") or TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ZooError(f"got ZOO_TIMEOUT={text!r}, expected a positive number of seconds.")
    return seconds


def _connection_failure(error):
    # The text also contains the address, but an address contains no space.
    text = str(error)
    for part, reason in (
        (" refused", "connection refused"),
        (" timed out", "timed out"),
        (" resolve", "unknown host, or no network"),
        (" unreachable", "no network"),
    ):
        if part in text:
            return reason
    return "the connection was lost"
