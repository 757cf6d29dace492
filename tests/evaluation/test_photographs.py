"""Restoration measured on photographs of several sizes by the protocols of the benchmarks."""

import io
import sys
import types

import numpy as np
import pytest
from keras import ops
from PIL import Image
from scipy.ndimage import binary_erosion, gaussian_filter
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation import measure
from zoo.evaluation.metrics.holes import boxes, scratches
from zoo.evaluation.metrics.luma import luma
from zoo.evaluation.reconstruction import psnr, ssim
from zoo.utils import bicubic
from zoo.utils.directions import higher_is_better


def silent(model):
    """The model with a network that puts out zeros: what it restores is its input, or bicubic."""
    for variable in model.decoder.backbone.net.trainable_variables:
        variable.assign(ops.zeros_like(variable))
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three smooth pictures of two sizes, one of them gray."""
    place, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for i, shape in enumerate([(49, 33, 3), (33, 49, 3), (49, 33, 1)]):
        noise = gaussian_filter(rng.normal(size=shape), (2, 2, 0)) * 8
        Image.fromarray(np.clip(128 + 60 * noise, 0, 255).astype(np.uint8).squeeze()).save(place / f"{i}.png")
    return place


def pictures(folder):
    images = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
    return [image.reshape(*image.shape[:2], -1) for image in images]


def rounded(image):
    return np.round(np.clip(image, 0, 255))


@pytest.mark.parametrize("channels", [1, 3])
def test_super_resolution_is_measured_on_the_luma_inside_the_border(folder, channels):
    model = silent(tiny("superres_conv", (12, 12, channels), scale=2, edges="mirror"))
    found = measure(model, ["enlarged_psnr_luma", "enlarged_ssim_luma"], str(folder), progress=None)
    expected = []
    for image in pictures(folder):
        image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        size = image.shape[0] // 2, image.shape[1] // 2
        true = luma(image)
        if channels == 1:
            true = np.round(true)
            made = rounded(bicubic.resized(np.clip(bicubic.resized(true, size), 0, 255), image.shape[:2]))
        else:
            made = luma(rounded(bicubic.resized(rounded(bicubic.resized(image, size)), image.shape[:2])))
        true, made = (each[2:-2, 2:-2] / 255 for each in (true, made))
        expected.append((psnr(np.square(true - made).mean()), ssim(true[None], made[None])[0]))
    for metric, value in zip(("enlarged_psnr_luma", "enlarged_ssim_luma"), np.mean(expected, axis=0)):
        assert found[metric]["value"] == pytest.approx(value, rel=1e-4)
        # A network that adds nothing is bicubic interpolation.
        assert found[metric]["baselines"]["bicubic interpolation"] == pytest.approx(value, rel=1e-4)
        assert higher_is_better(metric) and "border of 2 pixels" in found[metric]["protocol"]


def test_only_super_resolution_enlarges(folder):
    with pytest.raises(ZooError, match="is not a super-resolution model"):
        measure(tiny("denoising_conv", (12, 12, 3)), ["enlarged_psnr_luma"], str(folder), progress=None)


@pytest.mark.parametrize("channels", [1, 3])
def test_artifacts_are_those_of_real_files(folder, channels):
    model = silent(tiny("artifact_removal_conv", (16, 16, channels)))
    found = measure(model, ["jpeg_psnr_luma_10", "jpeg_psnr_luma_40"], str(folder), progress=None)
    for quality in (10, 40):
        expected = []
        for image in pictures(folder):
            image = np.round(luma(image)).astype(np.uint8) if channels == 1 else image
            file = io.BytesIO()
            Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
            decoded = np.asarray(Image.open(file)).reshape(image.shape)
            expected.append(psnr(np.square(luma(image) / 255 - luma(decoded) / 255).mean()))
        result = found[f"jpeg_psnr_luma_{quality}"]
        assert result["baselines"]["JPEG file"] == pytest.approx(np.mean(expected), rel=1e-5)
        assert result["value"] == pytest.approx(np.mean(expected), rel=1e-4) and f"quality {quality}" in result["protocol"]
    assert found["jpeg_psnr_luma_10"]["value"] < found["jpeg_psnr_luma_40"]["value"] - 2


def test_noise_levels_of_the_benchmarks(folder, monkeypatch):
    model = silent(tiny("denoising_conv", (16, 16, 3)))
    monkeypatch.setitem(sys.modules, "bm3d", None)
    names = ["denoised_psnr_unclipped_15", "denoised_psnr_unclipped", "denoised_psnr_unclipped_50"]
    found = measure(model, [{"metric": name, "bm3d": False} for name in names], str(folder), progress=None)
    for name, sigma in zip(names, (15, 25, 50)):
        assert found[name]["baselines"] == {"degraded image": pytest.approx(20 * np.log10(255 / sigma), abs=0.2)}
        assert found[name]["parameters"]["bm3d"] is False and higher_is_better(name)
    with pytest.raises(ZooError, match="BM3D requires the package bm3d"):
        measure(model, [{"metric": names[0], "bm3d": True}], str(folder), progress=None)


def test_bm3d_is_a_baseline_where_it_is_installed(folder, monkeypatch):
    module = types.ModuleType("bm3d")
    module.__spec__ = types.SimpleNamespace()
    module.bm3d = module.bm3d_rgb = lambda noisy, level: gaussian_filter(noisy, (1, 1, 0))
    monkeypatch.setitem(sys.modules, "bm3d", module)
    found = measure(tiny("denoising_conv", (16, 16, 3)), ["denoised_psnr_unclipped"], str(folder), progress=None)
    result = found["denoised_psnr_unclipped"]
    assert result["baselines"]["BM3D"] > result["baselines"]["degraded image"] + 1 and result["parameters"]["bm3d"] is True


def test_real_bm3d_removes_noise(folder):
    pytest.importorskip("bm3d")
    found = measure(tiny("denoising_conv", (16, 16, 3)), ["denoised_psnr_unclipped"], str(folder), progress=None)
    assert found["denoised_psnr_unclipped"]["baselines"]["BM3D"] > 26


def test_holes_are_scratches_and_boxes_of_a_twentieth_of_a_photograph():
    for holes in (scratches, boxes):
        mask = holes((320, 480), np.random.default_rng(0))
        assert mask.shape == (320, 480) and mask.dtype == bool and 0.02 < mask.mean() < 0.09
        np.testing.assert_array_equal(mask, holes((320, 480), np.random.default_rng(0)))
        assert np.any(mask != holes((320, 480), np.random.default_rng(1)))
    # Scratches are thin: almost nothing is left if four pixels are taken off each edge.
    left = [binary_erosion(holes((320, 480), np.random.default_rng(0)), iterations=4).mean() for holes in (scratches, boxes)]
    assert left[0] < 1e-3 and left[1] > 0.01
    assert 0 < boxes((12, 9), np.random.default_rng(0)).mean() < 1


def test_inpainting_is_measured_inside_the_holes(folder):
    model = silent(tiny("inpainting_conv", (16, 16, 3)))
    found = measure(
        model,
        [{"metric": f"inpainted_psnr_{kind}", "opencv": False} for kind in ("scratches", "boxes")],
        str(folder),
        progress=None,
    )
    for name, holes in (("scratches", scratches), ("boxes", boxes)):
        result, expected = found[f"inpainted_psnr_{name}"], []
        for i, image in enumerate(pictures(folder)):
            inside = holes(image.shape[:2], np.random.default_rng((0, i)))
            expected.append(psnr(np.square(image[inside] / 255).mean()))
        # A network that puts out zeros leaves the holes black.
        assert result["value"] == pytest.approx(np.mean(expected), rel=1e-5)
        assert result["baselines"]["mean color"] > result["value"] and list(result["baselines"]) == ["mean color"]


def test_published_figures_of_bicubic_interpolation_and_of_jpeg(real_data):
    model = silent(tiny("superres_conv", (12, 12, 1), scale=2, edges="mirror"))
    found = measure(model, ["enlarged_psnr_luma"], str(real_data / "images/set5"), progress=None)["enlarged_psnr_luma"]
    assert found["baselines"]["bicubic interpolation"] == pytest.approx(33.66, abs=0.006)
    assert found["value"] == pytest.approx(33.66, abs=0.006)
