"""A file from a web server or the Hugging Face Hub: streamed to a temporary file, never beyond its size, checked, renamed."""

import contextlib
import math
import os
import time

from zoo.errors import ZooError
from zoo.pretrained.hashes import fault, wrong
from zoo.utils.files import replacing

# Seconds a server may stay silent, and how often it is asked again after a fault that may pass.
TIMEOUT = 30.0
TRIES = 3
_BACKOFF = 0.5


class Refused(Exception):
    """A place does not give the file; the text says why."""


class Absent(Refused):
    """A place has answered that it does not have the file: another name may be asked for there."""


class Passing(Exception):
    """A fault that another try may not meet."""


def download(address, file, most, target, check=lambda path: None):
    """`target`, replaced by what lies at `address` under the name `file`, once `check(path)` has found nothing wrong with it.

    Args:
        address: `https://host/folder` or `hf://user/repo`, of which `hf://user/repo@revision` is one state.
        file: name there.
        most: bytes that it may have; a longer file is refused as soon as its length is known.
        target: path, in a folder that is made.
        check: raises `Passing` at what another try may mend, `Refused` at anything else.

    Raises:
        Refused: if it is not to be had there; the text says why, and `target` is as it was.
    """
    url, headers = _request(address.rstrip("/"), file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = contextlib.ExitStack()
        temporary = beside.enter_context(replacing(target))
    except OSError as error:
        raise Refused(f"the cache {target.parent} is not writable ({error.strerror}), set ZOO_CACHE to one that is") from None
    try:
        with beside:
            _stream_and_check(url, headers, most, temporary, check)
    except OSError as error:
        raise Refused(f"it could not be written to {target} ({error.strerror})") from None
    return target


def _stream_and_check(url, headers, most, path, check):
    for attempt in range(TRIES):
        try:
            _stream(url, headers, most, path)
            return check(path)
        except Passing as reason:
            if attempt == TRIES - 1:
                raise Refused(f"{reason}, {TRIES} times") from None
            time.sleep(_BACKOFF * 2**attempt)


def matches(entry):
    """The check, for `download`, that a file has the `bytes` and the `sha256` of a mapping."""

    def check(path):
        size = os.path.getsize(path)
        if size < entry["bytes"]:
            raise Passing(f"only {size:,} of {entry['bytes']:,} bytes came")
        if reason := fault(path, entry):
            raise Refused(reason)

    return check


def _request(address, file):
    """URL and headers by which a file at an address is asked for."""
    if address.startswith("hf://"):
        return _at_hub(address.removeprefix("hf://"), file)
    if not address.startswith(("http://", "https://")):
        raise Refused("unknown kind of address, expected https://... or hf://user/repo")
    return f"{address}/{file}", {}


def _at_hub(repository, file):
    repository, _, revision = repository.partition("@")
    try:
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import build_hf_headers
    except ImportError:
        raise Refused("needs the extra 'hub': pip install 'autoencoder-zoo[hub]'") from None
    if constants.HF_HUB_OFFLINE:
        raise Refused("the hub is not asked: HF_HUB_OFFLINE is set")
    try:
        if repository.count("/") != 1:
            raise HFValidationError(repository)
        url = hf_hub_url(repository, file, revision=revision or None)
        return url, build_hf_headers(library_name="autoencoder-zoo")
    except HFValidationError:
        raise Refused("not a repository's name, expected hf://user/repo") from None


def _stream(url, headers, most, path):
    """Write what is at `url` to `path`: one request, of which no more than `most` bytes are taken."""
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
        raise Passing("timed out") from None
    except requests.exceptions.SSLError:
        raise Refused("its certificate was not accepted") from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise Passing(_broken(error)) from None
    # A malformed header is a ValueError. A disk that is full is an OSError, and so is every RequestException: its turn is first.
    except (requests.RequestException, ValueError) as error:
        if isinstance(error, ZooError):
            raise
        raise Refused(f"no usable address or answer ({type(error).__name__})") from None


def _check_size(size, most):
    """Refuse what is longer than expected, so that no server fills the disk."""
    if size > most:
        raise Refused(wrong(f"more than the expected {most:,} bytes"))


def _raise_for_status(answer):
    if answer.status_code < 400:
        return
    # Where the hub says what is wrong: a repository or a file that is not there is answered by 401 or 404.
    code = answer.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        raise Refused("its repository asks to accept a licence first: do so on its page, and log in by 'hf auth login'")
    if code.endswith("NotFound"):
        raise Absent("not in that repository")
    text = f"answered {answer.status_code} {answer.reason}"
    if answer.status_code >= 500 or answer.status_code in (408, 429):
        raise Passing(text)
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
