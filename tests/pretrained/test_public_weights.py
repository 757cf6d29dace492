"""Weights as their authors published them give what the original code computes with them."""

import json
from pathlib import Path

import numpy as np
import pytest
from other_backends import on_jax
from PIL import Image
from published import differences
from tiny import mostly_slow

import zoo
from zoo.cli.main import main

# In float32, as a fraction of the largest value.
TOLERANCE = 1e-4
NAMES = ("taesd", "taesd3", "taef2", "dncnn_25")
pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.mark.parametrize("name", mostly_slow(NAMES, ("taesd", "dncnn_25")))
def test_codes_and_images_are_those_of_the_original(real_data, name):
    found = differences(real_data / "public", name)
    assert found and max(found.values()) <= TOLERANCE, found


@pytest.mark.slow
def test_so_they_are_on_jax(real_data):
    for name, found in on_jax(Path(__file__).parents[1] / "published.py", real_data / "public", *NAMES).items():
        assert max(found.values()) <= TOLERANCE, (name, found)


FILES = ("taesd", "taef2", "taef2/taef2_decoder.pth", "dncnn_25/dncnn_25.pth")


@pytest.mark.parametrize("file", mostly_slow(FILES, ("taesd", "dncnn_25/dncnn_25.pth")))
def test_the_command_writes_them_in_the_zoos_format(real_data, file, tmp_path):
    public = real_data / "public" / file
    assert main(["convert", str(public), str(tmp_path / "mine"), "--size", "24", "16"]) == 0
    ours, theirs = zoo.load(tmp_path / "mine"), zoo.load(public, input_shape=(24, 16, 1 if "dncnn" in file else 3))
    assert ours.config == theirs.config
    x = np.random.default_rng(0).random((2, *ours.data_shape), dtype=np.float32)
    np.testing.assert_array_equal(ours.reconstruct(x), theirs.reconstruct(x))


def denoised_psnr(real_data, folder, capsys):
    command = ["evaluate", str(real_data / "public/dncnn_25/dncnn_25.pth"), "--data", str(folder), "--json"]
    assert main([*command, "--metrics", "denoised_psnr_unclipped"]) == 0
    return json.loads(capsys.readouterr().out)["denoised_psnr_unclipped"]


def test_the_denoiser_removes_noise_of_photographs_of_two_sizes(real_data, capsys, tmp_path):
    photographs = sorted((real_data / "images/bsd68").glob("*.png"))[:2]
    for path, size in zip(photographs, ((96, 64), (64, 96))):
        Image.open(path).crop((100, 100, 100 + size[0], 100 + size[1])).save(tmp_path / path.name)
    found = denoised_psnr(real_data, tmp_path, capsys)
    assert found["n"] == 2 and found["baselines"]["degraded image"] == pytest.approx(20.17, abs=0.3)
    assert found["value"] > found["baselines"]["degraded image"] + 5


@pytest.mark.slow
def test_the_denoiser_reaches_the_figure_of_its_paper(real_data, capsys):
    found = denoised_psnr(real_data, real_data / "images/bsd68", capsys)
    assert found["n"] == 68 and found["value"] == pytest.approx(29.23, abs=0.005)
