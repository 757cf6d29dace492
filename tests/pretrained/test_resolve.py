"""From a text to a model's files: what means what, for every command and function alike."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.pretrained import hub, loading, manifest, resolve
from zoo.pretrained.arrays import publish
from zoo.sklearn import AutoencoderFeatures

NAME = "ae_conv.mnist"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A zoo with the weight set NAME alone; the working directory is empty."""
    model, folder = tiny("ae_conv"), tmp_path / "weights"
    folder.mkdir()
    entry = {**publish(model, NAME, folder), "config": model.config, "paper": "A paper."}
    entry |= {"licence": {"weights": "Apache-2.0"}, "dataset": {"name": "digits"}, "run": {"epochs": 1, "seed": 0, "backend": ""}}
    manifest.write_entry(NAME, {**entry, "metrics": {"mse": {"value": 0.125, "n": 4, "protocol": "p"}}}, folder)
    monkeypatch.setattr(manifest, "weights_dir", lambda: folder)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def test_a_folder_called_like_a_set_does_not_hide_it(place):
    Path(NAME).mkdir()
    with pytest.warns(UserWarning, match=f"the weight set is used. Write ./{NAME} for the folder"):
        assert resolve.resolve(NAME).config["variant"] == "ae"
    zoo.save(tiny("vae_mlp"), Path("saved"))
    Path(NAME).rmdir()
    Path("saved").rename(NAME)
    for folder in (f"./{NAME}", Path(NAME)):
        assert resolve.resolve(folder).config["variant"] == "vae"


def test_a_command_prints_its_warnings_as_lines(place, capsys):
    Path(NAME).mkdir()
    assert main(["convert", NAME, "converted"]) == 0
    expected = f"{NAME} is both a weight set and a folder; the weight set is used. Write ./{NAME} for the folder."
    assert capsys.readouterr().err == f"zoo: {expected}\n"


def test_the_folder_of_a_fine_tuning_names_its_model(place):
    zoo.save(tiny("ae_mlp"), Path("run/model"))
    with pytest.raises(ZooError, match="run is the folder of a fine-tuning; its model is run/model"):
        resolve.resolve("run")


def test_a_weight_set_is_known_by_its_hash_whatever_its_folder_is_called(place):
    zoo.save(tiny("vae_mlp"), Path(NAME))
    with pytest.warns(zoo.ZooWarning, match="the weight set is used"):
        zoo.save(zoo.load(NAME), Path("renamed"))
    other, same = (hub.card(resolve.resolve(f"./{name}"), "hf://me/mine") for name in (NAME, "renamed"))
    assert "0.125" not in other and "# mine" in other
    assert "0.125" in same and f"# {NAME}" in same
    assert zoo.info("./renamed")["metrics"]["mse"]["value"] == 0.125
    assert zoo.info(f"./{NAME}")["metrics"] is None and zoo.info(f"./{NAME}")["config"]["variant"] == "vae"


def test_every_function_takes_the_same_names(place, monkeypatch):
    """Commands hand their argument to `resolve`, and so do functions: nothing else looks a name up."""
    seen = []

    def resolved(name):
        seen.append(str(name))
        raise ZooError(f"asked for {name}.")

    np.save("images.npy", np.zeros((2, 8, 8, 1), np.uint8))
    for module in _users():
        monkeypatch.setattr(module, "resolve", resolved)
    name, images = "sd_vae_ft_mse", ["images.npy", "--output", "out.npy"]
    commands = (
        ["encode", name, *images],
        ["score", name, *images],
        ["reconstruct", name, "images.npy", "--output", "out"],
        ["sample", name, "--output", "out"],
        ["export", name, "--format", "keras", "--output", "out"],
        ["evaluate", name, "--data", "images.npy"],
        ["finetune", name, "--data", "images.npy", "--output", "out"],
        ["push", name, "hf://me/mine"],
        ["convert", name, "out"],
        ["info", "hf://some/where"],
        ["verify", "./folder"],
    )
    for command in commands:
        seen.clear()
        assert main(command) == 2 and len(seen) == 1, command


def _users():
    from zoo.inference.runtimes import subject
    from zoo.pretrained import catalog, verification

    return loading, hub, catalog, verification, subject, resolve


@pytest.mark.parametrize("name", ["sd_vae_ft_mse", "hf://me/mine", "https://host/folder", "./folder", NAME, "ae_conv.mnits"])
def test_scikit_learn_takes_what_load_takes(place, monkeypatch, name):
    def load(asked):
        raise ZooError(f"loaded {asked}.")

    monkeypatch.setattr("zoo.sklearn.load", load)
    with pytest.raises(ZooError, match=f"loaded {name}"):
        AutoencoderFeatures(name).fit(np.eye(4))


def test_a_variant_is_trained_though_a_folder_is_called_the_same(place, eagerly):
    Path("ae").mkdir()
    assert AutoencoderFeatures("ae", epochs=0).fit(np.eye(4)).model_.config["variant"] == "ae"


def test_resolving_loads_no_framework():
    code = (
        "import sys; from zoo.pretrained.resolve import resolve; from zoo.pretrained.catalog import info; "
        f"resolve('{NAME}'); info('sd_vae_ft_mse'); print({{'keras', 'tensorflow'}} & set(sys.modules))"
    )
    root = Path(zoo.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
