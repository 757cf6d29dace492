"""Photographs of any size: patches of them, and folders that are found by name in the data folder."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from tiny_recipe import tiny_recipe

from zoo.data import sources
from zoo.data.patches import patches
from zoo.data.photographs import photographs
from zoo.errors import ZooError
from zoo.evaluation.measurement import measure, repeat
from zoo.training.splits import load_splits


@pytest.fixture
def folder(tmp_path):
    """A data folder with photographs for training, of two sizes, and others for tests."""
    rng = np.random.default_rng(0)
    for name, sizes in {"photos": [(20, 12), (12, 30)], "others": [(16, 16)]}.items():
        (tmp_path / name).mkdir()
        for i, size in enumerate(sizes):
            Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_patches_are_parts_of_the_photographs_at_many_places(folder):
    whole = photographs("photos", 3, data_dir=folder)
    data = patches("photos", (8, 10, 3), 50, data_dir=folder)
    assert data.images.shape == (100, 8, 10, 3) and data.images.dtype == np.uint8 and data.name == "photos"
    for i, image in enumerate(whole):
        rows, columns = image.shape[0] - 7, image.shape[1] - 9
        parts = {image[r : r + 8, c : c + 10].tobytes() for r in range(rows) for c in range(columns)}
        found = {patch.tobytes() for patch in data.images[50 * i : 50 * (i + 1)]}
        assert found <= parts and len(found) > 20
    again, other = (patches("photos", (8, 10, 3), 50, seed, folder).images for seed in (0, 1))
    np.testing.assert_array_equal(again, data.images)
    assert (other != data.images).any()
    assert patches("photos", (8, 8, 1), 2, data_dir=folder).images.shape == (4, 8, 8, 1)


def test_a_patch_larger_than_a_photograph_is_an_error(folder):
    with pytest.raises(ZooError, match="photograph 0 of photos has 20 x 12 pixels, expected at least 16 x 16"):
        patches("photos", (16, 16, 3), 2, data_dir=folder)


def test_a_folder_is_found_by_its_name_in_the_data_folder(folder, monkeypatch):
    assert sources.located("photos", folder) == str(folder / "photos")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    assert sources.located("photos") == str(folder / "photos")
    (folder / "mnist" / "3.0.1").mkdir(parents=True)
    assert sources.located("mnist") == "mnist"
    # A folder of that name where the user is has precedence.
    (folder / "here" / "photos").mkdir(parents=True)
    monkeypatch.chdir(folder / "here")
    assert sources.located("photos") == "photos"


def test_a_recipe_trains_on_patches_and_tests_on_other_photographs(folder):
    recipe = dataclasses.replace(tiny_recipe(), model=dict(variant="denoising", backbone="conv", input_shape=(8, 8, 1)))
    recipe = dataclasses.replace(recipe, dataset="photos", patches=5, test="others")
    splits, drawn = load_splits(recipe, folder)
    assert splits["train"].images.shape == (10, 8, 8, 1) and splits["test"].images.shape == (4, 8, 8, 1) and not drawn
    assert dataclasses.replace(recipe, test="photos").sha256() == recipe.sha256()
    assert dataclasses.replace(recipe, patches=6).sha256() != recipe.sha256()
    with pytest.raises(ZooError, match="patches=5 without test"):
        load_splits(dataclasses.replace(recipe, test=""), folder)
    with pytest.raises(ZooError, match="expected a model of images"):
        load_splits(dataclasses.replace(recipe, model=dict(variant="ae", input_shape=(8,))), folder)


def test_a_metric_can_name_its_data(folder):
    from zoo.models import registry

    model = registry.create("denoising", backbone="dncnn", input_shape=(8, 8, 3), filters=4, depth=3)
    names = ["denoised_psnr_unclipped.photos", "denoised_psnr_unclipped.others"]
    found = measure(model, names, "photos", folder, progress=None)
    assert [found[name]["n"] for name in names] == [2, 1]
    alone = measure(model, ["denoised_psnr_unclipped"], "others", folder, progress=None)
    assert alone["denoised_psnr_unclipped"]["value"] == found[names[1]]["value"] != found[names[0]]["value"]
    assert repeat(model, found, "photos", folder, progress=None) == found
