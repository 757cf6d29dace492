"""What the distributions hold: the package's handful of sets, all others in the data packages, none of them too large."""

import importlib.util
import re
import sys
import tomllib
import types
import zlib
from pathlib import Path

import pytest

from zoo.pretrained import installed, manifest

ROOT = Path(__file__).parents[2]
DATA = {"autoencoder-zoo-weights": ROOT / "weights", "autoencoder-zoo-weights-mlp": ROOT / "weights" / "mlp"}


@pytest.fixture(scope="module")
def contents():
    """Mapping of distribution to mapping of files to their places in its wheel, as the build hooks give them."""
    with pytest.MonkeyPatch.context() as patch:
        # The build backend is not there when tests run, and these functions need none of it.
        for name, symbol in (("builders.hooks", "BuildHookInterface"), ("metadata", "MetadataHookInterface")):
            module = types.ModuleType("interface")
            setattr(module, symbol, object)
            patch.setitem(sys.modules, f"hatchling.{name}.plugin.interface", module)
        package, data = _module(ROOT / "hatch_build.py"), _module(ROOT / "weights" / "hatch_build.py")
        return {"autoencoder-zoo": package.included(ROOT), **{name: data.included(name) for name in DATA}}


def _module(path):
    spec = importlib.util.spec_from_file_location(f"build_of_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_set_is_in_one_distribution(contents):
    places = [Path(file).name for files in contents.values() for file in files if file.endswith(".safetensors")]
    assert sorted(places) == sorted(entry["file"] for entry in manifest.read(ROOT / "weights").values())
    assert all(Path(file).is_file() for files in contents.values() for file in files)


def test_the_package_itself_carries_a_handful_that_encodes(contents):
    sizes = [Path(file).stat().st_size for file in contents["autoencoder-zoo"] if file.endswith(".safetensors")]
    assert sizes and sum(sizes) < 15e6
    embedded = {name for name, entry in manifest.read(ROOT / "weights").items() if entry["embedded"]}
    assert {"vae_mlp.mnist", "ae_conv.mnist"} <= embedded, "README's first command uses them"


@pytest.mark.slow
def test_no_wheel_is_too_large(contents):
    for name, files in contents.items():
        assert sum(len(zlib.compress(Path(file).read_bytes(), 6)) for file in files) < 94e6, name


def test_no_wheel_can_become_too_large_unnoticed(contents):
    """By what the files of half-precision numbers are compressed to, about 0.93 of them."""
    for name, files in contents.items():
        assert sum(Path(file).stat().st_size for file in files) < 100e6, name


def test_the_data_packages_are_found_and_installed_together(contents):
    for name, folder in DATA.items():
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        assert project["name"] == name
        [package] = project["entry-points"][installed.GROUP].values()
        assert {place.partition("/")[0] for place in contents[name].values()} == {package}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["weights"] == ["autoencoder-zoo-weights"]
    assert re.search(r"pip install .*\. \./weights", (ROOT / "README.md").read_text(encoding="utf-8"))
