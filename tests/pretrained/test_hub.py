"""Models at an address: pushed to a hub with a card, loaded from there and from any web server, checked and kept."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hub_server import Hub

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.pretrained import download

# The hub's client reads where it is when it is imported; this process may have imported it before.
PROGRAM = """
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.pretrained.resolve import resolve
{lines}
"""


@pytest.fixture
def hub():
    server = Hub()
    yield server
    server.close()


@pytest.fixture
def run(hub, tmp_path):
    """A function that runs lines of Python in a process that knows this hub alone; gives what they print."""

    def run(lines, **more):
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_TOKEN": "hf_test",
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "ZOO_CACHE": str(tmp_path / "cache"),
            "ZOO_TIMEOUT": "5",
            **more,
        }
        argv = [sys.executable, "-c", PROGRAM.format(lines=lines)]
        done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def saved(tmp_path):
    model = zoo.create("vae_mlp", input_shape=(8, 8, 1), hidden=(16,), latent_dim=4)
    zoo.save(model, tmp_path / "mine")
    return model


def test_a_model_goes_to_the_hub_and_comes_back(hub, run, saved, tmp_path):
    assert "pushed to" in run("main(['push', 'mine', 'hf://someone/mine', '--message', 'my first'])")
    files = hub.repositories["someone/mine"]
    assert set(files) == {"config.json", "weights.safetensors", "README.md"} and hub.commits == ["my first"]
    card = files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: keras\n") and 'zoo.load("hf://someone/mine")' in card
    fetch_it = (
        "[file] = resolve('hf://someone/mine').files(); print(file.read_bytes() == open('mine/weights.safetensors', 'rb').read())"
    )
    assert run(fetch_it) == "True\n"
    # Again: the weights lie in the cache, the config alone is asked for.
    hub.requests.clear()
    assert run(fetch_it) == "True\n"
    assert hub.requests and not [request for request in hub.requests if "safetensors" in request]
    # And with no hub the copy in the cache serves, which is said.
    assert "hf://someone/mine could not be reached" in run(fetch_it, HF_HUB_OFFLINE="1")


def test_a_weight_set_goes_with_its_figures(hub, run):
    name = "ae_mlp.mnist-2d"
    run(f"main(['push', '{name}', 'hf://someone/planes'])")
    card, config = (hub.repositories["someone/planes"][file].decode() for file in ("README.md", "config.json"))
    entry = zoo.info(name)
    assert f"| mse | {entry['metrics']['mse']['value']:.6g} |" in card and "datasets:\n- mnist" in card
    assert json.loads(config)["sha256"] == entry["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("status, words", [(401, "Run 'hf auth login'"), (403, "(403)"), (500, "(500)")])
def test_a_hub_that_refuses(hub, run, saved, status, words):
    hub.status = status
    assert words in run("print(main(['push', 'mine', 'hf://someone/mine']))")


def test_what_the_hub_lacks(hub, run):
    hub.repositories["someone/empty"] = {"config.json": b"{}"}
    lines = """
for name in ('hf://someone/absent', 'hf://someone/empty', 'hf://someone/empty@v7'):
    try: resolve(name)
    except ZooError as error: print(error)
"""
    absent, empty, revision = run(lines).splitlines()
    assert "there is no saved model at hf://someone/absent: config.json not found in this repository" in absent
    assert "it contains no readable config.json" in empty
    assert "not found in this repository" in revision


@pytest.mark.parametrize("address", ("someone/mine", "hf://mine", "hf://a/b/c"))
def test_addresses_that_are_none(saved, tmp_path, address):
    with pytest.raises(ZooError, match="expected hf://user/repo"):
        zoo.push(tmp_path / "mine", address)


# -- any web server: the hub's serves plain files, too


@pytest.fixture
def web(hub, saved, tmp_path, monkeypatch):
    """The address of the saved model, under a server that gives its files."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "_BACKOFF", 0.0)
    hub.repositories["any/where"] = {file.name: file.read_bytes() for file in (tmp_path / "mine").iterdir()}
    return f"{hub.address}/any/where/resolve/main"


def test_a_model_from_a_web_server(web, saved, images):
    np.testing.assert_allclose(zoo.load(web).encode(images), saved.encode(images), rtol=1e-5, atol=1e-6)


def test_changed_weights_are_refused(web, hub):
    files = hub.repositories["any/where"]
    files["weights.safetensors"] = files["weights.safetensors"][:-1] + b"x"
    with pytest.raises(ZooError, match="the weights at .* could not be downloaded: weights.safetensors wrong content"):
        zoo.load(web)


def test_cut_weights_are_asked_for_again(web, hub):
    files = hub.repositories["any/where"]
    files["weights.safetensors"] = files["weights.safetensors"][:100]
    with pytest.raises(ZooError, match=f"only 100 of .* bytes were received, in {download.TRIES} attempts"):
        zoo.load(web)


def test_a_newer_model_replaces_the_one_in_the_cache(web, hub, images, tmp_path):
    zoo.load(web)
    newer = zoo.create("vae_mlp", input_shape=(8, 8, 1), hidden=(16,), latent_dim=2)
    zoo.save(newer, tmp_path / "newer")
    hub.repositories["any/where"] = {file.name: file.read_bytes() for file in (tmp_path / "newer").iterdir()}
    np.testing.assert_allclose(zoo.load(web).encode(images), newer.encode(images), rtol=1e-5, atol=1e-6)


def test_a_config_without_a_hash_is_refused(web, hub):
    files = hub.repositories["any/where"]
    config = json.loads(files["config.json"])
    del config["sha256"]
    files["config.json"] = json.dumps(config).encode()
    with pytest.raises(ZooError, match="states no hash and size"):
        zoo.load(web)


def test_a_page_that_is_no_config(web, hub):
    hub.repositories["any/where"]["config.json"] = b"<html>"
    with pytest.raises(ZooError, match="there is no saved model at .*: config.json it contains no readable config.json"):
        zoo.load(web)
    with pytest.raises(ZooError, match="expected hf://user/repo or https://host/folder"):
        zoo.load("ftp://host/folder")


def test_the_command_takes_an_address(web, images, tmp_path, capsys):
    np.save(tmp_path / "x.npy", images)
    assert main(["encode", web, str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy"), "--runtime", "tensorflow"]) == 0
    assert "wrote 40 x 4 features" in capsys.readouterr().out
