"""What to install for a package that is missing."""

import tomllib
from pathlib import Path

import pytest

import zoo
from zoo.cli import exits
from zoo.utils import distributions


@pytest.mark.parametrize(
    "module, command",
    [
        ("sklearn.base", "pip install 'autoencoder-zoo[sklearn]'"),
        ("huggingface_hub", "pip install 'autoencoder-zoo[hub]'"),
        ("PIL.Image", "pip install pillow"),
        ("skimage", "pip install scikit-image"),
        ("pooch", "pip install pooch"),
    ],
)
def test_the_distribution_is_named_not_the_module(module, command, capsys):
    assert distributions.install_command(module) == command
    assert exits.report(ModuleNotFoundError("no", name=module)) == 2 and command in capsys.readouterr().err


def test_the_extras_are_those_of_the_project():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert set(distributions._EXTRAS.values()) <= tomllib.loads(text)["project"]["optional-dependencies"].keys()


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    error = distributions.missing_package("a cluster", "ray.data")
    assert isinstance(error, zoo.ZooError)
    assert str(error) == "a cluster requires the package ray; install it: pip install 'autoencoder-zoo[ray]'"
