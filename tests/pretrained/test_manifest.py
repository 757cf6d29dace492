"""The manifest: what it refuses to be, how it is written, and that the one shipped is true."""

import importlib.metadata
import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import installed, manifest
from zoo.pretrained.hashes import sha256_of
from zoo.publishing.card import number
from zoo.training import recipe

ENTRY = {"file": "vae_mlp.mnist-1a2b3c4d.safetensors", "sha256": "0" * 64, "bytes": 8, "config": {"variant": "vae"}}


def write(folder, weights, **rest):
    (folder / "manifest.json").write_text(json.dumps({"schema": 1, "weights": weights, **rest}))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# -- reading


def test_a_set_is_known_though_its_variant_has_new_options_since(tmp_path, monkeypatch):
    config = {"variant": "mae", "backbone": "vit", "input_shape": [8, 8, 1], "mean": [0.5], "width": 8}
    write(tmp_path, {"mae_vit.x": {**ENTRY, "config": config}})
    monkeypatch.setattr(manifest, "weights_dir", lambda: tmp_path)
    now = {**config, "features": None, "normalized_targets": True, "mask_ratio": 0.75, "deviation": None}
    assert manifest.described("0" * 64, now)[0] == "mae_vit.x"
    for other in ({"normalized_targets": False}, {"depth": 3}, {"mean": None}):
        assert manifest.described("0" * 64, {**now, **other}) is None
    assert manifest.described("1" * 64, now) is None


def test_defaults_are_those_of_the_builders():
    for variant in registry.variants():
        build = importlib.import_module(f"zoo.models.{variant}").build
        usual = {name: p.default for name, p in inspect.signature(build).parameters.items() if p.default is not p.empty}
        known = registry.defaults(variant)
        assert known and known == {k: list(usual[k]) if isinstance(usual[k], tuple) else usual[k] for k in known}


def test_where_there_is_no_manifest_there_are_no_sets(tmp_path):
    assert manifest.read(tmp_path) == {} and manifest.mirrors(tmp_path) == []
    assert manifest.read(tmp_path / "nowhere") == {}
    with pytest.raises(ZooError, match="there is no weight set 'vae_mlp.mnist'. The manifest has none."):
        manifest.entry("vae_mlp.mnist", tmp_path)


def test_entries_and_mirrors_come_back_as_written(tmp_path):
    write(tmp_path, {"vae_mlp.mnist": ENTRY, "ae_mlp.mnist-2d": ENTRY}, mirrors=["https://a/b", "hf://c/d"])
    assert manifest.read(str(tmp_path)) == {"vae_mlp.mnist": ENTRY, "ae_mlp.mnist-2d": ENTRY}
    assert manifest.entry("ae_mlp.mnist-2d", tmp_path) == ENTRY
    assert manifest.mirrors(tmp_path) == ["https://a/b", "hf://c/d"]


def test_an_unknown_name_comes_with_the_nearest_and_all(tmp_path):
    write(tmp_path, {"vae_mlp.mnist": ENTRY, "dae_conv.cifar10": ENTRY})
    with pytest.raises(ZooError) as error:
        manifest.entry("vae_mpl.mnist", tmp_path)
    assert str(error.value) == (
        "there is no weight set 'vae_mpl.mnist'. Did you mean 'vae_mlp.mnist'? zoo.list_weights() and 'zoo list' give all names."
    )


@pytest.mark.parametrize(
    "file",
    [
        "../../x",
        "..",
        "/etc/passwd",
        "a/b.safetensors",
        "..\\x",
        "C:\\x",
        ".hidden",
        "~",
        "",
        "x\n",
        "a b",
        "https://host/x",
        7,
        None,
    ],
)
def test_a_file_that_is_a_path_is_refused_on_reading_and_writing(tmp_path, file):
    write(tmp_path, {"vae_mlp.mnist": {**ENTRY, "file": file}})
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(ZooError, match="entry 'vae_mlp.mnist' has file=.*, expected a plain file name"):
        manifest.read(tmp_path)
    with pytest.raises(ZooError, match="entry 'vae_mlp.other' has file=.*, expected a plain file name"):
        manifest.write_entry("vae_mlp.other", {**ENTRY, "file": file}, tmp_path)
    assert names_in(tmp_path) == ["manifest.json"] and (tmp_path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("sha256", "0" * 63, "64 lower-case hexadecimal digits"),
        ("sha256", "G" * 64, "64 lower-case hexadecimal digits"),
        ("sha256", None, "64 lower-case hexadecimal digits"),
        ("bytes", 0, "a positive number"),
        ("bytes", True, "a positive number"),
        ("bytes", "8", "a positive number"),
        ("config", [], "a mapping with the variant"),
        ("config", {}, "a mapping with the variant"),
        ("revision", "1", "a whole number"),
    ],
)
def test_a_broken_entry_is_named_with_its_field(tmp_path, field, value, words):
    write(tmp_path, {"vae_mlp.mnist": ENTRY, "ae_mlp.mnist": {**ENTRY, field: value}})
    with pytest.raises(ZooError, match=f"the manifest entry 'ae_mlp.mnist' has {field}=.*, expected {words}"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["vae", "../x_y.z", "vae_mlp", "vae_mlp.", "vae_mlp.a/b", "Vae_mlp.mnist", "vae_mlp.mnist\n"])
def test_a_name_that_is_no_name(tmp_path, name):
    write(tmp_path, {name: ENTRY})
    with pytest.raises(ZooError, match="expected <variant>_<backbone>.<dataset>"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "cannot be read"),
        ('{"schema": 1, "weights": {', "cannot be read"),
        ("\x00\xff", "cannot be read"),
        ("[]", "is not a mapping"),
        ("{}", "has schema None, expected 1; update autoencoder-zoo"),
        ('{"schema": 2, "sets": {}}', "has schema 2, expected 1; update autoencoder-zoo"),
        ('{"schema": 1}', "has no 'weights' mapping"),
        ('{"schema": 1, "weights": []}', "has no 'weights' mapping"),
        ('{"schema": 1, "weights": {}, "mirrors": "https://a"}', "has mirrors='https://a', expected a list of addresses"),
        ('{"schema": 1, "weights": {"vae_mlp.mnist": 3}}', "entry 'vae_mlp.mnist' is int, expected a mapping"),
    ],
)
def test_a_broken_manifest_is_one_clear_error_and_never_replaced(tmp_path, text, words):
    path = tmp_path / "manifest.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ZooError, match=words):
        manifest.read(tmp_path)
    with pytest.raises(ZooError, match=words):
        manifest.write_entry("vae_mlp.mnist", ENTRY, tmp_path)
    assert path.read_text(encoding="latin-1") == text and names_in(tmp_path) == ["manifest.json"]


def test_a_folder_in_place_of_the_manifest(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(ZooError, match="cannot be read"):
        manifest.read(tmp_path)


def test_reading_needs_no_framework():
    code = "import sys, zoo; zoo.list_weights(); zoo.list_models(); print({'numpy', 'keras', 'tensorflow'} & set(sys.modules))"
    root = Path(manifest.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True).stdout == "set()\n"


# -- where it lies


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of an installed package, `site/zoo`, that carries no manifest yet; nothing else is installed."""
    folder = tmp_path / "site" / "zoo"
    (folder / "_weights").mkdir(parents=True)
    monkeypatch.setattr(installed, "_PACKAGE", folder)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def make_checkout(root, name="autoencoder-zoo", entries=None):
    (root / "weights").mkdir(parents=True, exist_ok=True)
    write(root / "weights", entries or {})
    (root / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    return root / "weights"


def test_a_checkout_reads_its_own_weights_and_a_package_what_it_carries(package):
    assert manifest.folders() == [package / "_weights"]
    make_checkout(package.parent, "something-else")
    assert manifest.folders() == [package / "_weights"], "any folder called weights is not a checkout"
    weights = make_checkout(package.parent, entries={"vae_mlp.mnist": ENTRY})
    assert manifest.folders() == [weights] and list(manifest.read()) == ["vae_mlp.mnist"]


def test_only_the_scripts_of_the_packages_own_checkout_are_run(package, monkeypatch):
    """Not those that lie beside an installed package, nor those of a checkout in which the command is run."""
    monkeypatch.setattr(recipe, "__file__", str(package / "training" / "recipe.py"))
    for folder in (package.parent, Path.cwd()):
        (folder / "training_scripts").mkdir()
        (folder / "training_scripts" / "vae_mlp.mnist.py").write_text("raise SystemExit('it was run')")
    make_checkout(Path.cwd())
    assert recipe.recipes() == {}
    make_checkout(package.parent)
    assert list(recipe.recipes()) == ["vae_mlp.mnist"]


def test_a_data_package_is_found_by_its_entry_point_and_runs_nothing(package, tmp_path, monkeypatch):
    data = tmp_path / "site" / "zoo_weights_of_a_test"
    data.mkdir()
    write(data, {"ae_mlp.mnist": {**ENTRY, "file": "ae.safetensors"}})
    (data / "ae.safetensors").touch()
    (data / "__init__.py").write_text("raise SystemExit('it was run')")
    write(package / "_weights", {"ae_mlp.mnist": {**ENTRY, "file": "ae.safetensors"}, "vae_mlp.mnist": ENTRY})
    assert not manifest.is_installed(manifest.entry("ae_mlp.mnist"))
    points = [
        importlib.metadata.EntryPoint(name, value, installed.GROUP)
        for name, value in (("a", "no_such_package"), ("b", data.name))
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    monkeypatch.syspath_prepend(data.parent)
    assert manifest.folders() == [package / "_weights", data]
    assert manifest.is_installed(manifest.entry("ae_mlp.mnist")) and not manifest.is_installed(manifest.entry("vae_mlp.mnist"))


def test_a_checkout_around_the_working_directory_is_found(package, tmp_path, monkeypatch):
    weights = make_checkout(tmp_path / "cloned", entries={"vae_mlp.mnist": ENTRY})
    (tmp_path / "cloned" / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "cloned" / "docs")
    assert manifest.folders() == [package / "_weights", weights] and list(manifest.read()) == ["vae_mlp.mnist"]


def test_of_two_entries_that_counts_whose_file_is_there(package, tmp_path, monkeypatch):
    """A data package may be newer than the package, or older."""
    newer = {**ENTRY, "file": "newer.safetensors", "sha256": "1" * 64}
    write(package / "_weights", {"vae_mlp.mnist": ENTRY})
    weights = make_checkout(tmp_path / "cloned", entries={"vae_mlp.mnist": newer})
    monkeypatch.chdir(tmp_path / "cloned")
    assert manifest.read() == {"vae_mlp.mnist": ENTRY}
    (weights / newer["file"]).touch()
    assert manifest.read() == {"vae_mlp.mnist": newer}
    (package / "_weights" / ENTRY["file"]).touch()
    assert manifest.read() == {"vae_mlp.mnist": ENTRY}


# -- writing


def test_writing_adds_replaces_and_keeps_the_rest(tmp_path):
    folder = tmp_path / "new" / "weights"
    manifest.write_entry("vae_mlp.mnist", ENTRY, folder)
    manifest.write_entry("ae_mlp.mnist", {**ENTRY, "metrics": {"mse": {"value": 0.1}}}, str(folder))
    manifest.write_entry("vae_mlp.mnist", {**ENTRY, "paper": "a"}, folder)
    assert manifest.read(folder) == {
        "vae_mlp.mnist": {**ENTRY, "paper": "a", "revision": 1},
        "ae_mlp.mnist": {**ENTRY, "metrics": {"mse": {"value": 0.1}}, "revision": 1},
    }
    assert names_in(folder) == ["manifest.json"]


def test_mirrors_survive_writing(tmp_path):
    write(tmp_path, {}, mirrors=["https://a/b"])
    manifest.write_entry("vae_mlp.mnist", ENTRY, tmp_path)
    assert manifest.mirrors(tmp_path) == ["https://a/b"]


def test_the_revision_rises_with_the_weights_alone(tmp_path):
    def revision(**changes):
        manifest.write_entry("vae_mlp.mnist", {**ENTRY, **changes}, tmp_path)
        return manifest.entry("vae_mlp.mnist", tmp_path)["revision"]

    assert revision() == 1
    assert revision(paper="another") == 1
    assert revision(sha256="1" * 64) == 2
    assert revision(sha256="1" * 64, revision=9) == 2
    assert revision(sha256="2" * 64) == 3


def test_the_same_entries_in_any_order_are_the_same_bytes(tmp_path):
    for folder, names in (("a", ["vae_mlp.x", "ae_mlp.x"]), ("b", ["ae_mlp.x", "vae_mlp.x"])):
        for name in names:
            manifest.write_entry(name, ENTRY, tmp_path / folder)
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()], ids=["nan", "inf", "object"])
def test_what_json_cannot_hold_is_not_written(tmp_path, value):
    manifest.write_entry("ae_mlp.mnist", ENTRY, tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(ZooError, match="the manifest entry 'vae_mlp.mnist' cannot be written as JSON"):
        manifest.write_entry("vae_mlp.mnist", {**ENTRY, "metrics": {"mse": value}}, tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before and names_in(tmp_path) == ["manifest.json"]


def test_an_interrupted_write_leaves_the_old_manifest(tmp_path, monkeypatch):
    manifest.write_entry("ae_mlp.mnist", ENTRY, tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()

    def full(file):
        os.truncate(file, 20)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ZooError, match=r"could not be written to .* \(No space left on device\)"):
            manifest.write_entry("vae_mlp.mnist", ENTRY, tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before and names_in(tmp_path) == ["manifest.json"]
    manifest.write_entry("vae_mlp.mnist", ENTRY, tmp_path)
    assert len(manifest.read(tmp_path)) == 2, "the lock was let go"


def test_a_plain_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "plain").touch()
    with pytest.raises(ZooError, match="could not be written to .*plain"):
        manifest.write_entry("vae_mlp.mnist", ENTRY, tmp_path / "plain")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no lock there")
def test_writers_at_once_lose_nothing(tmp_path):
    start = threading.Barrier(8)

    def write_some(i):
        start.wait()
        for j in range(5):
            manifest.write_entry(f"vae_mlp.set{i}-{j}", ENTRY, tmp_path)

    threads = [threading.Thread(target=write_some, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(manifest.read(tmp_path)) == sorted(f"vae_mlp.set{i}-{j}" for i in range(8) for j in range(5))


# -- the one shipped

SHIPPED = manifest.weights_dir()
ENTRIES = manifest.read()


def test_there_are_shipped_sets_to_check():
    if not (SHIPPED / "manifest.json").is_file():
        pytest.skip("no weight set has been published here")
    assert ENTRIES


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_shipped_file_is_what_its_entry_says(name):
    entry = ENTRIES[name]
    path = SHIPPED / entry["file"]
    assert path.stat().st_size == entry["bytes"]
    assert sha256_of(path) == entry["sha256"]
    assert entry["file"] == f"{name}-{entry['sha256'][:8]}.safetensors"


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_shipped_entry_says_what_the_contract_asks(name):
    entry = ENTRIES[name]
    wanted = {"revision", "embedded", "dataset", "licence", "paper", "metrics", "recipe", "run", "reference_features"}
    assert wanted <= entry.keys()
    assert {"backend", "device", "seed", "versions"} <= entry["run"].keys() and entry["metrics"]
    # A backbone that is published in sizes has the size behind it, as in mae_vit_tiny.
    assert re.fullmatch(rf"{entry['config']['variant']}_{entry['config']['backbone']}(_[a-z]+)?\..+", name)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_shipped_set_has_the_recipe_that_trained_it(name):
    recipe = ENTRIES[name]["recipe"]
    path = SHIPPED.parent / recipe["path"]
    assert path.is_file() and path.stem == name
    spec = importlib.util.spec_from_file_location("a_recipe", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.RECIPE.name == name
    assert script.RECIPE.sha256() == recipe["sha256"], "the script has changed since; train again"
    said = script.RECIPE.stated()
    assert {key: ENTRIES[name][key] for key in said} == said, "the script says otherwise; run zoo.publishing.readme"


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_shipped_set_that_is_compared_with_another_states_its_figure(name):
    baseline = ENTRIES[name].get("baseline") or {"source": ""}
    other = baseline["source"].split(",")[0]
    if other in ENTRIES:
        assert baseline["value"] == float(number(ENTRIES[other]["metrics"][baseline["metric"]]["value"]))


def test_every_variant_has_been_trained():
    without = {*registry.variants()} - {entry["config"]["variant"] for entry in ENTRIES.values()}
    assert not without, "a variant without weights is one that nobody has tried: write a recipe and train it"


def test_the_shipped_files_keep_to_their_size():
    present = {name: entry["bytes"] for name, entry in ENTRIES.items() if (SHIPPED / entry["file"]).is_file()}
    assert sum(present.values()) < 250e6
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 250e6


def test_no_weight_file_lies_there_without_an_entry():
    if shutil.which("git") is None or not (SHIPPED.parent / ".git").exists():
        pytest.skip("needs the checkout")
    tracked = subprocess.run(["git", "ls-files", "*.safetensors"], cwd=SHIPPED, capture_output=True, text=True).stdout.split()
    assert set(tracked) <= {entry["file"] for entry in ENTRIES.values()}
