"""From an entry to a file: every way in which a mirror, a network or a disk can fail, against a real server."""

import contextlib
import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
import requests
from hub_server import Hub

from zoo.errors import ZooError
from zoo.pretrained import cache, download, mirrors

NAME = "ae_mlp.test"
BODY = bytes(range(256)) * 800
FILE = f"{NAME}-{hashlib.sha256(BODY).hexdigest()[:8]}.safetensors"
ENTRY = {"file": FILE, "sha256": hashlib.sha256(BODY).hexdigest(), "bytes": len(BODY), "config": {"variant": "ae"}}


def answer(status=200, body=BODY, length=None):
    """A reply: a status and a body, of which `Content-Length` may promise more (0: promise nothing)."""

    def reply(handler):
        handler.send_response(status)
        if length != 0:
            handler.send_header("Content-Length", str(length or len(body)))
        handler.end_headers()
        # Whoever has read enough hangs up.
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(body)

    return reply


def redirect(handler):
    handler.send_response(302)
    handler.send_header("Location", f"/elsewhere/{FILE}")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def nonsense(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


@pytest.fixture
def mirror():
    """A server that gives each request the next of its `replies`, the last one for ever; `requests` are the paths asked for."""
    server = types.SimpleNamespace(replies=[answer()], requests=[], released=threading.Event())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            turn = len(server.requests)
            server.requests.append(self.path)
            server.replies[min(turn, len(server.replies) - 1)](self)

        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.address = f"http://127.0.0.1:{httpd.server_address[1]}/weights"
    yield server
    server.released.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty weights folder and an empty cache; the environment names no mirror and goes round any proxy."""
    folders = types.SimpleNamespace(embedded=tmp_path / "embedded", cache=tmp_path / "cache")
    folders.embedded.mkdir()
    monkeypatch.setenv("ZOO_CACHE", str(folders.cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("ZOO_MIRRORS", raising=False)
    monkeypatch.delenv("ZOO_TIMEOUT", raising=False)
    monkeypatch.setattr(download, "_BACKOFF", 0.0)
    return folders


@pytest.fixture
def use(mirror, monkeypatch):
    """The mirror, giving these replies, as the one configured."""

    def use(*replies):
        mirror.replies = list(replies)
        monkeypatch.setenv("ZOO_MIRRORS", mirror.address)
        return mirror

    return use


def locate(place):
    return cache.locate(NAME, ENTRY, place.embedded)


def refused(place):
    """The error of a `locate` that fails: one line that names the set, leaving nothing behind in the cache."""
    before = contents(place.cache)
    with pytest.raises(ZooError) as error:
        locate(place)
    text = str(error.value)
    assert "\n" not in text and f"the weights of {NAME} were not found" in text
    assert "set ZOO_MIRRORS" in text and "pip install . ./weights" in text
    assert contents(place.cache) == before
    return text


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.is_dir() else {}


def unused_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# -- what lies here


def test_an_embedded_file_needs_neither_cache_nor_network(place, use):
    mirror = use(answer(500))
    (place.embedded / FILE).write_bytes(BODY)
    assert locate(place) == place.embedded / FILE
    assert mirror.requests == [] and not place.cache.exists()


def test_the_folder_may_be_a_string(place):
    (place.embedded / FILE).write_bytes(BODY)
    assert cache.locate(NAME, ENTRY, str(place.embedded)) == place.embedded / FILE


def test_a_cached_file_is_used_with_no_network(place, use):
    mirror = use(answer(500))
    place.cache.mkdir()
    (place.cache / FILE).write_bytes(BODY)
    assert locate(place) == place.cache / FILE
    assert mirror.requests == []


def test_a_corrupt_embedded_file_gives_way_to_the_cached_one(place):
    (place.embedded / FILE).write_bytes(BODY[:-1])
    place.cache.mkdir()
    (place.cache / FILE).write_bytes(BODY)
    assert locate(place) == place.cache / FILE


def test_a_corrupt_cached_file_is_fetched_again(place, use):
    use(answer())
    place.cache.mkdir()
    (place.cache / FILE).write_bytes(BODY[:1000])
    assert locate(place).read_bytes() == BODY
    assert contents(place.cache) == {FILE: BODY}


def test_with_no_file_and_no_mirror_the_error_says_where_it_looked_and_what_to_do(place):
    text = refused(place)
    assert f"installed {place.embedded / FILE}: not found" in text and f"cache {place.cache / FILE}: not found" in text
    assert "mirrors: none configured" in text and FILE in text and f"put that file into {place.cache}" in text


def test_corrupt_files_and_no_mirror_is_said_and_they_stay(place):
    (place.embedded / FILE).write_bytes(b"")
    place.cache.mkdir()
    (place.cache / FILE).write_bytes(BODY[::-1])
    assert refused(place).count("wrong content (sha256 ") == 2


def test_a_folder_under_the_name_of_the_file(place, use):
    use(answer())
    (place.cache / FILE).mkdir(parents=True)
    with pytest.raises(ZooError, match=r"cannot be read \(Is a directory\).*could not be written to .*\(Is a directory\)"):
        locate(place)
    assert [p.name for p in place.cache.iterdir()] == [FILE] and not list((place.cache / FILE).iterdir())


# -- from a mirror


def test_a_missing_file_is_fetched_once_and_then_lies_in_the_cache(place, use):
    mirror = use(answer())
    assert locate(place) == place.cache / FILE
    assert contents(place.cache) == {FILE: BODY}
    assert mirror.requests == [f"/weights/{FILE}"]
    assert locate(place) == place.cache / FILE and len(mirror.requests) == 1


def test_a_redirection_is_followed(place, use):
    mirror = use(redirect, answer())
    assert locate(place).read_bytes() == BODY
    assert mirror.requests == [f"/weights/{FILE}", f"/elsewhere/{FILE}"]


def test_a_file_that_the_mirror_lacks(place, use):
    mirror = use(answer(404, b"no such thing"))
    assert f"mirror {mirror.address}: the server responded 404 Not Found" in refused(place)
    assert len(mirror.requests) == 1, "a 404 stays one"


@pytest.mark.parametrize("body", [BODY[::-1], BODY + b"!", BODY * 50], ids=["same size", "longer", "endless"])
def test_wrong_content_is_never_kept(place, use, body):
    mirror = use(answer(body=body))
    assert f"mirror {mirror.address}: wrong content (" in refused(place)
    assert len(mirror.requests) == 1


def test_wrong_content_keeps_what_the_cache_holds(place, use):
    use(answer(body=BODY[::-1]))
    place.cache.mkdir()
    (place.cache / "another-file").write_bytes(b"kept")
    refused(place)
    assert contents(place.cache) == {"another-file": b"kept"}


def test_a_body_that_breaks_off(place, use):
    mirror = use(answer(body=BODY[:100_000], length=len(BODY)))
    assert "the connection was lost, in 3 attempts" in refused(place)
    assert len(mirror.requests) == download.TRIES


def test_a_body_of_unstated_length_that_breaks_off(place, use):
    use(answer(body=BODY[:100_000], length=0))
    assert f"only 100,000 of {len(BODY):,} bytes were received, in 3 attempts" in refused(place)


def test_a_body_that_breaks_off_once(place, use):
    mirror = use(answer(body=BODY[:100_000], length=len(BODY)), answer())
    assert locate(place).read_bytes() == BODY
    assert len(mirror.requests) == 2 and contents(place.cache) == {FILE: BODY}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_with_a_bad_moment_is_asked_again(place, use, status):
    mirror = use(answer(status, b"later"), answer())
    assert locate(place).read_bytes() == BODY
    assert len(mirror.requests) == 2 and contents(place.cache) == {FILE: BODY}


def test_waits_grow_between_tries(place, use, monkeypatch):
    use(answer(500))
    monkeypatch.setattr(download, "_BACKOFF", 0.5)
    waits = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    assert "the server responded 500 Internal Server Error, in 3 attempts" in refused(place)
    assert waits == [0.5, 1.0]


def silent(mirror):
    return lambda handler: mirror.released.wait(10)


def stalling(mirror):
    def reply(handler):
        answer(body=BODY[:70_000], length=len(BODY))(handler)
        handler.wfile.flush()
        mirror.released.wait(10)

    return reply


@pytest.mark.parametrize("kind", [silent, stalling], ids=["before the answer", "in the middle"])
def test_a_server_that_falls_silent(place, use, mirror, monkeypatch, kind):
    use(kind(mirror))
    monkeypatch.setenv("ZOO_TIMEOUT", "0.2")
    assert "timed out, in 3 attempts" in refused(place)


def test_a_server_that_is_slow_once(place, use, mirror, monkeypatch):
    use(stalling(mirror), answer())
    monkeypatch.setenv("ZOO_TIMEOUT", "0.5")
    assert locate(place).read_bytes() == BODY
    assert contents(place.cache) == {FILE: BODY}


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_none(place, use, monkeypatch, seconds):
    use(answer())
    monkeypatch.setenv("ZOO_TIMEOUT", seconds)
    with pytest.raises(ZooError, match=f"got ZOO_TIMEOUT='{seconds}', expected a positive number of seconds"):
        locate(place)
    assert contents(place.cache) == {}


def test_connection_refused(place, monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", f"http://127.0.0.1:{unused_port()}")
    assert "connection refused, in 3 attempts" in refused(place)


def test_no_network_without_the_file(place, monkeypatch):
    def unresolvable(*args, **kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unresolvable)
    monkeypatch.setenv("ZOO_MIRRORS", "https://mirror.invalid/refused/timeout")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    assert "unknown host, or no network, in 3 attempts" in refused(place)


def test_a_server_that_speaks_something_else(place, use):
    use(nonsense)
    assert "the connection was lost, in 3 attempts" in refused(place)


def test_a_nonsensical_length(place, use):
    def reply(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "many")
        handler.end_headers()

    use(reply)
    assert "invalid address or response (ValueError)" in refused(place)


@pytest.mark.parametrize("address", ["ftp://host/folder", "host/folder", "file:///etc"])
def test_an_address_of_an_unknown_kind(place, monkeypatch, address):
    monkeypatch.setenv("ZOO_MIRRORS", address)
    assert "unknown type of address, expected https://... or hf://user/repo" in refused(place)


@pytest.mark.parametrize("address", ["http:///x", "http://[::1", "http://host:port/x"])
def test_a_malformed_address(place, monkeypatch, address):
    monkeypatch.setenv("ZOO_MIRRORS", address)
    assert "invalid address or response" in refused(place)


def test_mirrors_are_asked_in_turn_the_environments_before_the_manifests(place, use, mirror, monkeypatch):
    use(answer(404), answer(body=BODY[::-1]), answer())
    monkeypatch.setenv("ZOO_MIRRORS", f"{mirror.address}/a/, {mirror.address}/b")
    text = json.dumps({"schema": 1, "mirrors": [f"{mirror.address}/c"], "weights": {NAME: ENTRY}})
    (place.embedded / "manifest.json").write_text(text)
    assert locate(place).read_bytes() == BODY
    assert mirror.requests == [f"/weights/{mirror_folder}/{FILE}" for mirror_folder in "abc"]
    assert contents(place.cache) == {FILE: BODY}


def test_every_mirror_that_failed_is_named_with_its_reason(place, use, mirror, monkeypatch):
    use(answer(404), answer(403))
    monkeypatch.setenv("ZOO_MIRRORS", f"{mirror.address}/a,{mirror.address}/b")
    text = refused(place)
    assert f"{mirror.address}/a: the server responded 404 Not Found" in text
    assert f"mirror {mirror.address}/b: the server responded 403 Forbidden" in text


# -- the cache


def test_a_cache_that_cannot_be_written(place, use, monkeypatch, tmp_path):
    mirror = use(answer())
    (tmp_path / "plain").write_bytes(b"a file, not a folder")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "plain" / "cache"))
    assert "is not writable (Not a directory), set ZOO_CACHE to another folder" in refused(place)
    assert mirror.requests == [] and (tmp_path / "plain").read_bytes() == b"a file, not a folder"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that even root cannot write to")
def test_a_read_only_cache(place, use, monkeypatch):
    mirror = use(answer())
    monkeypatch.setenv("ZOO_CACHE", "/proc/self")
    with pytest.raises(ZooError, match="the cache /proc/self is not writable .*, set ZOO_CACHE to another folder"):
        locate(place)
    assert mirror.requests == []


def test_an_embedded_file_serves_beside_a_cache_that_cannot_be_written(place, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", "/proc/self/cache")
    (place.embedded / FILE).write_bytes(BODY)
    assert locate(place) == place.embedded / FILE


def test_a_full_disk(place, use, monkeypatch):
    use(answer())

    def full(size, most):
        if size:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_check_size", full)
    assert "could not be written to " in (text := refused(place)) and "No space left on device" in text


def test_an_interrupted_fetch_leaves_nothing(place, use, monkeypatch):
    use(answer())

    def interrupt(size, most):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_check_size", interrupt)
    with pytest.raises(KeyboardInterrupt):
        locate(place)
    assert contents(place.cache) == {}


def test_the_cache_folder_may_start_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ZOO_CACHE", "~/kept")
    assert cache.cache_dir() == tmp_path / "kept"


_FETCH = """
import json, sys
from zoo.pretrained.cache import locate
name, entry, folder = json.loads(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(locate(name, entry, folder))
heavy = {"tensorflow", "keras", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_two_processes_fetch_at_once(place, use, mirror):
    together = threading.Barrier(2, timeout=30)

    def reply(handler):
        # Both are being served before either gets its first byte.
        together.wait()
        answer()(handler)

    use(reply)
    command = [sys.executable, "-c", _FETCH, json.dumps([NAME, ENTRY, str(place.embedded)])]
    root = Path(cache.__file__).parents[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = {**os.environ, "PYTHONPATH": str(root)}
    both = [subprocess.Popen(command, env=environment, cwd=root, **pipes) for _ in range(2)]
    try:
        assert [process.stdout.readline() for process in both] == ["ready\n", "ready\n"]
        for process in both:
            process.stdin.write("\n")
            process.stdin.flush()
        results = [process.communicate(timeout=60) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], results
    assert [out.strip() for out, _ in results] == [str(place.cache / FILE)] * 2
    assert contents(place.cache) == {FILE: BODY}


# -- the hub


@pytest.fixture
def hub(place, monkeypatch):
    """A hub of this machine, the only one that is known; its repository someone/zoo is the mirror."""
    constants = pytest.importorskip("huggingface_hub.constants")
    server = Hub()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    monkeypatch.setenv("ZOO_MIRRORS", "hf://someone/zoo")
    server.repositories["someone/zoo"] = {FILE: BODY}
    yield server
    server.close()


def test_a_file_from_the_hub(place, hub):
    assert locate(place) == place.cache / FILE
    assert contents(place.cache) == {FILE: BODY}
    assert len(hub.requests) == 1


def test_wrong_content_from_the_hub(place, hub):
    hub.repositories["someone/zoo"][FILE] = BODY[::-1]
    assert "mirror hf://someone/zoo: wrong content (sha256 " in refused(place)


def test_a_file_of_the_hub_beyond_its_size_is_not_downloaded(place, hub, monkeypatch):
    """Neither where the hub says how long it is, nor where it sends more than it said."""
    taken = []
    monkeypatch.setattr(requests.Response, "iter_content", lambda self, size: taken.append(size) or iter(()))
    hub.repositories["someone/zoo"][FILE] = BODY + b"!"
    assert "wrong content (more than the expected" in refused(place) and not taken
    monkeypatch.setattr(requests.Response, "iter_content", lambda self, size: iter([BODY, b"!"]))
    hub.repositories["someone/zoo"][FILE] = BODY
    assert "wrong content (more than the expected" in refused(place)


@pytest.mark.parametrize("repository", ["someone/other", "someone/zoo@v7", "someone/empty"])
def test_what_the_hub_lacks_is_asked_for_once(place, hub, monkeypatch, repository):
    hub.repositories["someone/empty"] = {}
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{repository}")
    assert "not found in this repository" in refused(place) and len(hub.requests) == 1


@pytest.mark.parametrize("repository", ["zoo", "a/b/c", "a b/c"])
def test_an_address_that_is_no_repository(place, hub, monkeypatch, repository):
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://{repository}")
    assert "expected hf://user/repo" in refused(place) and not hub.requests


def test_a_hub_that_fails_is_asked_as_often_as_any_server(place, hub):
    hub.status = 503
    assert "the server responded 503 Service Unavailable, in 3 attempts" in refused(place)
    assert len(hub.requests) == download.TRIES


def test_a_repository_with_a_licence_to_accept(place, hub, monkeypatch):
    hub.gated.add("someone/zoo")
    assert "requires a licence to be accepted" in refused(place) and len(hub.requests) == 1


def test_a_hub_that_is_not_to_be_asked(place, hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused(place) and not hub.requests


def test_the_hub_without_its_extra(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setenv("ZOO_MIRRORS", "hf://someone/zoo")
    assert "pip install 'autoencoder-zoo[hub]'" in refused(place)


# -- the configuration file


def test_mirrors_of_the_configuration_file_come_after_those_of_the_environment(place, mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(f'mirrors = ["{mirror.address}", "hf://b/c"]')
    monkeypatch.setenv("ZOO_MIRRORS", "https://first/a")
    assert mirrors.mirrors(place.embedded) == ["https://first/a", mirror.address, "hf://b/c"]


@pytest.mark.parametrize(
    "text, words",
    [
        (None, "the file .*, given by ZOO_CONFIG, does not exist"),
        ("mirrors = [", "is not valid TOML"),
        ("mirrors = 'a'", "mirrors = 'a', expected a list of addresses"),
        ("miror = []", "has the key 'miror', expected only mirrors"),
    ],
)
def test_a_configuration_file_that_is_none(place, monkeypatch, tmp_path, text, words):
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config.toml"))
    if text is not None:
        (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ZooError, match=words):
        mirrors.mirrors(place.embedded)
