"""Planted defects, which are always the same, and what maps are measured by."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from tiny import tiny

from zoo.anomaly.maps import smoothed
from zoo.data.sources import Data
from zoo.errors import ZooError
from zoo.evaluation import measure
from zoo.evaluation.defects import KINDS, plant
from zoo.evaluation.metrics.anomaly import Trial


def crops(count=16, side=24):
    """Crops of a photograph, uint8."""
    photograph, rng = load_sample_images().images[0], np.random.default_rng(0)
    places = zip(rng.integers(photograph.shape[0] - side, size=count), rng.integers(photograph.shape[1] - side, size=count))
    return np.stack([photograph[a : a + side, b : b + side] for a, b in places])


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_is_what_its_mask_says(kind):
    images = crops()
    planted, masks = plant(images, [kind])
    assert planted.dtype == np.uint8 and masks.dtype == bool and masks.shape == (16, 24, 24)
    changed = np.abs(planted.astype(int) - images).max(axis=-1)
    np.testing.assert_array_equal(masks, changed > 12)
    assert (masks.mean(axis=(1, 2)) >= 0.005).all() and masks.mean() < 0.35
    again = plant(images[:5], [kind])
    np.testing.assert_array_equal(again[0], planted[:5])
    assert np.any(plant(images, [kind], seed=1)[0] != planted)


def test_kinds_take_turns_and_floats_are_bytes():
    images = crops(8)
    planted, masks = plant(images)
    for i, kind in enumerate(KINDS):
        np.testing.assert_array_equal(plant(images, [k if k == kind else kind for k in KINDS])[0][i], planted[i])
    np.testing.assert_array_equal(plant(images / np.float32(255))[0], planted)


def test_what_would_not_be_seen_is_placed_elsewhere():
    plain = np.full((4, 16, 16, 1), 128, np.uint8)
    assert plant(plain)[1].any(axis=(1, 2)).all(), "an area without detail cannot be blurred"


def test_bad_defects_are_refused():
    with pytest.raises(ZooError, match="got the defects 'hole', expected some of scratch, blob, swap, blur"):
        plant(crops(2), ["hole"])
    with pytest.raises(ZooError, match="sides of at least 8 pixels"):
        plant(np.zeros((2, 6, 20, 1), np.uint8))


def test_the_curves_of_the_mask_itself_are_one_and_those_of_chance_half():
    trial = Trial(crops(60))
    assert not trial.masks[:30].any() and trial.masks[30:].any(axis=(1, 2)).all()
    assert trial.curves(trial.masks.astype(np.float32)) == {"pixel": 1.0, "image": 1.0}
    without = trial.masks & (trial.kinds != 2)[:, None, None]
    found = trial.curves_by_kind(without.astype(np.float32))
    assert found == {"scratch": 1.0, "blob": 1.0, "swap": 0.5, "blur": 1.0}
    chance = trial.curves(np.random.default_rng(0).random(trial.masks.shape, dtype=np.float32))
    assert abs(chance["pixel"] - 0.5) < 0.02 and abs(chance["image"] - 0.5) < 0.2


def test_the_metric_and_its_baselines():
    images = crops(48)
    splits = {"train": Data(images[:24], None, [], "crops", "1"), "test": Data(images[24:], None, [], "crops", "1")}
    model, before = tiny("ae_conv", (24, 24, 3)), tiny("ae_conv", (24, 24, 3))
    metrics = ["pixel_auroc", "image_auroc"]
    found = measure(model, metrics, splits, progress=None, untrained=lambda train: before)
    trial = Trial(images[24:])
    curves = trial.curves(model.anomaly_map(trial.images))
    for metric, of in zip(metrics, ("pixel", "image")):
        assert found[metric]["value"] == pytest.approx(curves[of], rel=1e-5) and found[metric]["n"] == 24
        assert set(found[metric]["baselines"]) == {"mean image", "PCA map", "untrained map"}
        assert found[metric]["parameters"] == {"by": "reconstruction", "n": 24, "normal": 24, "layers": None}
    difference = np.square(trial.images / 255 - images[:24].mean(axis=0) / 255).mean(axis=-1)
    expected = trial.curves(smoothed(difference.astype(np.float32)))["pixel"]
    assert found["pixel_auroc"]["baselines"]["mean image"] == pytest.approx(expected, abs=1e-4)
    by_patches = measure(model, [{"metric": "pixel_auroc", "by": "patches"}], splits, progress=None)["pixel_auroc"]
    # Random filters see edges, too.
    assert by_patches["value"] > 0.6 and "PatchCore" in by_patches["protocol"]
    assert json.loads(json.dumps(by_patches)) == by_patches


def test_bad_measurements_are_refused():
    images = crops(8)
    splits = {"train": Data(images[:4], None, [], "crops", "1"), "test": Data(images[4:], None, [], "crops", "1")}
    model = tiny("ae_conv", (24, 24, 3))
    with pytest.raises(ZooError, match="got by='patch', expected one of reconstruction, patches. Did you mean 'patches'"):
        measure(model, [{"metric": "pixel_auroc", "by": "patch"}], splits)
    with pytest.raises(ZooError, match="got n=1, expected at least 2 images"):
        Trial(images[:1])
