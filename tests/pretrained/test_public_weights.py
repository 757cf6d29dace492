"""Weights as their authors published them give what the original code computes with them."""

from pathlib import Path

import numpy as np
import pytest
from other_backends import on_jax
from published import differences

import zoo
from zoo.cli.main import main

# In float32, as a fraction of the largest value.
TOLERANCE = 1e-4
NAMES = ("taesd", "taesd3", "taef2", "dncnn_25")
pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.mark.parametrize("name", NAMES)
def test_codes_and_images_are_those_of_the_original(real_data, name):
    found = differences(real_data / "public", name)
    assert found and max(found.values()) <= TOLERANCE, found


def test_so_they_are_on_jax(real_data):
    for name, found in on_jax(Path(__file__).parents[1] / "published.py", real_data / "public", *NAMES).items():
        assert max(found.values()) <= TOLERANCE, (name, found)


@pytest.mark.parametrize("file", ["taesd", "taef2", "taef2/taef2_decoder.pth", "dncnn_25/dncnn_25.pth"])
def test_the_command_writes_them_in_the_zoos_format(real_data, file, tmp_path):
    public = real_data / "public" / file
    assert main(["convert", str(public), str(tmp_path / "mine"), "--size", "24", "16"]) == 0
    ours, theirs = zoo.load(tmp_path / "mine"), zoo.load(public, input_shape=(24, 16, 1 if "dncnn" in file else 3))
    assert ours.config == theirs.config
    x = np.random.default_rng(0).random((2, *ours.data_shape), dtype=np.float32)
    np.testing.assert_array_equal(ours.reconstruct(x), theirs.reconstruct(x))
