"""What metrics need of data is declared: nothing is built, computed or drawn to find out."""

import random

import numpy as np
import pytest

from zoo.data.sources import Data
from zoo.evaluation import measurement as module
from zoo.evaluation.measurement import unmeasurable
from zoo.evaluation.metrics import METRICS
from zoo.evaluation.needs import NEEDS

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1)).astype(np.uint8)


def splits(images=IMAGES, labels=True, one=False):
    halves = {"train": images[:8], "test": images[:8] if one else images[8:]}
    return {name: Data(part, np.arange(len(part)) % 2 if labels else None, [], "photos", "1") for name, part in halves.items()}


def test_every_metric_declares_what_it_needs():
    assert set(NEEDS) == set(METRICS)


@pytest.mark.parametrize(
    "data, refused",
    [
        (splits(), set()),
        (splits(labels=False), {"linear_error", "knn_accuracy", "finetuned_error", "classification_error"}),
        (splits(one=True), {"linear_error", "knn_accuracy", "finetuned_error", "pca_mse"}),
        (splits(IMAGES.reshape(12, 64)), {"ssim", "inpainted_mse"}),
    ],
)
def test_what_data_lacks_is_said_by_metric(data, refused, monkeypatch):
    def drawn(*_, **__):
        raise AssertionError("a metric was run")

    monkeypatch.setattr(module, "METRICS", {name: metric_of(name, drawn) for name in METRICS})
    asked = ["mse", "linear_error", "knn_accuracy", "finetuned_error", "classification_error", "pca_mse", "ssim"]
    asked += [{"metric": "inpainted_mse", "box": 2}, {"metric": "denoised_psnr", "n": 3}, {"metric": "nll", "n": 4}]
    before = random.getstate(), np.random.get_state()[1].tolist()
    reasons = unmeasurable(asked, data)
    assert set(reasons) == refused and all(str(reason) for reason in reasons.values())
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def metric_of(name, function):
    """`function` with the parameters of the metric."""
    import functools

    return functools.wraps(METRICS[name])(lambda *given, **named: function(*given, **named))


def test_more_test_images_than_there_are():
    reasons = unmeasurable([{"metric": "elbo", "n": 5}, {"metric": "denoised_psnr", "n": 4}], splits())
    assert list(reasons) == ["elbo"] and "expected between 1 and the 4 images" in str(reasons["elbo"])


def test_a_box_larger_than_the_images():
    reasons = unmeasurable([{"metric": "inpainted_mse", "box": 8}], splits())
    assert "got box=8, expected from 1 to 7" in str(reasons["inpainted_mse"])


def test_probes_of_mirror_images_need_images():
    reasons = unmeasurable([{"metric": "linear_error", "flips": True}, "knn_error"], splits(IMAGES.reshape(12, 64)))
    assert list(reasons) == ["linear_error"] and "expected (height, width, channels)" in str(reasons["linear_error"])
