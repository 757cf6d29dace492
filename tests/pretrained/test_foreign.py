"""Models of other libraries at an address: what is pinned, what is checked, what is said of the rest."""

import hashlib
import json
import warnings

import pytest
from hub_server import Hub

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError, ZooWarning
from zoo.pretrained import download, foreign, public, verification
from zoo.pretrained.resolve import resolve

CONFIG = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [4, 8],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
    "norm_num_groups": 2,
}
# What is checked here is the file, not what is in it.
WEIGHTS = b"arrays of another library"
FILE = "diffusion_pytorch_model.safetensors"
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server whose repository any/where has a model in diffusers' layout."""
    server = Hub()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "_BACKOFF", 0.0)
    server.repositories["any/where"] = {"config.json": json.dumps(CONFIG).encode(), FILE: WEIGHTS}
    yield server
    server.close()


@pytest.fixture
def web(hub):
    return f"{hub.address}/any/where/resolve/main"


@pytest.fixture
def known(web, monkeypatch):
    """A function that makes "known" a public model there, with these hashes."""

    def known(sha256):
        entry = {"origin": web, "revision": "main", "subfolder": "", "input_shape": [16, 16, 3], "parameters": 10, "paper": "A."}
        entry |= {"sha256": sha256, "licence": "MIT", "class": "AutoencoderKL", "dataset": "none"}
        monkeypatch.setitem(public.public(), "known", entry)
        return "known"

    return known


def test_a_web_servers_folder_in_another_librarys_layout(hub, web):
    """Each file is asked for once, the config included."""
    found = resolve(web)
    assert found.config["variant"] == "autoencoder_kl"
    with pytest.warns(UserWarning, match=f"{web} is not verified, because the zoo knows no hash of {FILE}"):
        [file] = found.files()
    assert file.read_bytes() == WEIGHTS
    # transformers' name is asked for first, and its index.
    assert sorted(request.rpartition("/")[2] for request in hub.requests) == sorted(
        ["config.json", "model.safetensors", "model.safetensors.index.json", FILE]
    )
    hub.status = 500
    hub.requests.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve(web).files() == (file,)
    assert hub.requests == []


def test_what_has_changed_since_is_refused_whatever_its_size(web):
    with pytest.warns(UserWarning, match="not verified"):
        [file] = resolve(web).files()
    file.write_bytes(WEIGHTS[::-1])
    with pytest.raises(ZooError, match="differs from the file first downloaded"):
        resolve(web).files()
    assert verification.verify([web])[0][1] == "corrupt"


def test_a_failing_server_is_asked_for_one_file_alone(hub, web):
    found = resolve(web)
    hub.status = 503
    hub.requests.clear()
    with pytest.raises(ZooError, match="the server responded 503 .*, in 3 attempts"):
        found.files()
    assert len(hub.requests) == download.TRIES


def test_files_of_known_hashes_are_verified_and_others_never_called_so(known, capsys):
    name = known({FILE: DIGEST})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(name).files()
    assert verification.verify([name])[0][1] == "ok"
    known(None)
    [(_, status, detail)] = verification.verify([name])
    assert status == "unpinned" and "cannot verify them" in detail
    assert main(["info", name]) == 0 and "not verified" in capsys.readouterr().out


def test_files_of_other_hashes_than_the_known_are_refused(known):
    with pytest.raises(ZooError, match=r"has the sha256 .*, expected 00000000"):
        resolve(known({FILE: "0" * 64})).files()


def test_files_without_a_config_are_fetched_by_their_names(hub, known, web, monkeypatch):
    name = known({"a_encoder.pth": DIGEST})
    about = {"_class_name": "DnCNN", "channels": 3, "filters": 4, "depth": 3}
    monkeypatch.setitem(
        public.public(), name, {**public.public()[name], "described": about, "files": ["a_encoder.pth", "a_decoder.pth"]}
    )
    found = resolve(name)
    assert found.config["variant"] == "denoising" and hub.requests == []
    with pytest.raises(ZooError, match=f"{web} could not be downloaded: .* copy its a_encoder.pth and a_decoder.pth to"):
        found.files()
    hub.repositories["any/where"] |= {"a_encoder.pth": WEIGHTS, "a_decoder.pth": WEIGHTS}
    with pytest.warns(ZooWarning, match="the zoo knows no hash of a_decoder.pth"):
        assert [file.name for file in found.files()] == ["a_encoder.pth", "a_decoder.pth"]
    assert not any(request.endswith("config.json") for request in hub.requests)
    assert verification.verify([name])[0][1] == "unpinned"


def test_weights_longer_than_the_model_are_not_downloaded(hub, known):
    hub.repositories["any/where"][FILE] = bytes(2**24 + 100)
    with pytest.raises(ZooError, match="more than the expected"):
        resolve(known(None)).files()


def test_a_cards_licence_says_what_it_does_not_allow(capsys):
    assert main(["list", "mae_*"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "hf://" in line]
    assert lines and all("needs a network" in line and "non-commercial" in line for line in lines)


def test_the_folder_of_an_address_is_in_the_cache(web):
    assert foreign.cache_folder(web).parent.name == "originals" and ":" not in foreign.cache_folder(web).name
    assert zoo.list_weights("known") == []
