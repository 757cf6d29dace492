"""Degraded images that are always the same, and how well models restore them."""

import keras
import numpy as np
import pytest
from tiny import tiny

from zoo.cli.main import main
from zoo.errors import ZooError
from zoo.evaluation import measure
from zoo.evaluation.degradation import boxed, noisy, shrunk
from zoo.evaluation.probes import candidates
from zoo.evaluation.reconstruction import psnr as ratio
from zoo.pretrained.loading import save
from zoo.publishing.pictures import side_by_side

IMAGES = np.random.default_rng(0).integers(1, 256, (30, 12, 12, 3), dtype=np.uint8)


def test_noise_is_of_its_level_and_the_same_again():
    grey = np.full((50, 20, 20, 3), 128, np.uint8)
    degraded = noisy(grey, "gaussian", 0.1)
    assert degraded.dtype == np.uint8 and degraded.std() / 255 == pytest.approx(0.1, abs=0.002)
    np.testing.assert_array_equal(noisy(grey, "gaussian", 0.1), degraded)
    assert np.any(noisy(grey, "gaussian", 0.1, seed=1) != degraded)
    masked = noisy(grey / 255, "masking", 0.5)
    assert set(np.unique(masked)) == {0, 128} and (masked == 0).mean() == pytest.approx(0.5, abs=0.02)
    assert ((masked == 0).all(axis=-1) == (masked == 0).any(axis=-1)).all()
    with pytest.raises(ZooError, match="'speckle', expected 'gaussian' or 'masking'"):
        noisy(grey, "speckle", 0.1)


def test_a_box_lies_in_the_middle():
    degraded, inside = boxed(IMAGES, 4)
    assert inside.sum() == 16 and inside[4:8, 4:8].all() and not degraded[:, inside].any()
    np.testing.assert_array_equal(degraded[:, ~inside], IMAGES[:, ~inside])
    with pytest.raises(ZooError, match="box of side 12, expected from 1 to 11"):
        boxed(IMAGES, 12)


def test_shrunk_images_are_bytes_of_the_small_size():
    small = shrunk(np.full((3, 12, 12, 3), 200, np.uint8), 3)
    assert small.shape == (3, 4, 4, 3) and small.dtype == np.uint8 and (small == 200).all()


def psnr(x, made):
    x, made = (images / 255 if images.dtype == np.uint8 else images for images in (x, made))
    return ratio(np.square(x - made).reshape(len(x), -1).mean(axis=1))


def test_psnr_by_hand():
    x = np.zeros((2, 4, 4, 1), np.uint8)
    np.testing.assert_allclose(psnr(x, np.full((2, 4, 4, 1), 0.1)), 20.0)
    assert psnr(x, x)[0] == 100.0


@pytest.fixture
def data(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=IMAGES, x_test=IMAGES[:20])
    return str(tmp_path / "data.npz")


def test_a_model_is_measured_on_degraded_images(data):
    model = tiny("denoising_conv", (12, 12, 3))
    found = measure(model, [{"metric": "denoised_psnr", "level": 0.2, "n": 10}], data, progress=None)["denoised_psnr"]
    expected = psnr(IMAGES[:10], model.reconstruct(noisy(IMAGES[:10], "gaussian", 0.2))).mean()
    assert found["value"] == pytest.approx(expected, rel=1e-5) and "deviation 51/255" in found["protocol"]
    assert found["baselines"]["degraded image"] == pytest.approx(psnr(IMAGES[:10], noisy(IMAGES[:10], "gaussian", 0.2)).mean())

    model = tiny("inpainting_conv", (12, 12, 3))
    found = measure(model, [{"metric": "inpainted_mse", "box": 6}], data, progress=None)["inpainted_mse"]
    degraded, inside = boxed(IMAGES[:20], 6)
    error = np.square(model.reconstruct(degraded) - IMAGES[:20] / 255)
    assert found["value"] == pytest.approx(error[:, inside].mean(), rel=1e-5)
    assert not error[:, ~inside].max() > 1e-12
    filled = [image[inside] / 255 - (image[~inside] / 255).mean(axis=0) for image in IMAGES[:20]]
    assert found["baselines"]["mean color"] == pytest.approx(np.square(filled).mean(), rel=1e-5)

    model = tiny("superres_conv", (12, 12, 3))
    found = measure(model, ["enlarged_psnr"], data, progress=None)["enlarged_psnr"]
    expected = psnr(IMAGES[:20], model.reconstruct(shrunk(IMAGES[:20], 2))).mean()
    assert found["value"] == pytest.approx(expected, rel=1e-5)
    by_keras = keras.ops.image.resize(shrunk(IMAGES[:20], 2) / 255, (12, 12), interpolation="bicubic")
    expected = psnr(IMAGES[:20], np.clip(by_keras, 0, 1)).mean()
    assert found["baselines"]["bicubic interpolation"] == pytest.approx(expected, abs=1e-3)
    with pytest.raises(ZooError, match="is not a super-resolution model"):
        measure(tiny("denoising_conv", (12, 12, 3)), ["enlarged_psnr"], data, progress=None)


def test_small_files_become_large_ones(tmp_path):
    from PIL import Image

    save(tiny("superres_conv", (12, 12, 3)), tmp_path / "model")
    (tmp_path / "small").mkdir()
    for i, image in enumerate(shrunk(IMAGES[:3], 2)):
        Image.fromarray(image).save(tmp_path / "small" / f"{i}.png")
    command = ["reconstruct", str(tmp_path / "model"), "--input", str(tmp_path / "small"), "--output", str(tmp_path / "large")]
    assert main(command) == 0
    written = sorted((tmp_path / "large").rglob("*.png"))
    assert [Image.open(path).size for path in written] == [(12, 12)] * 3


@pytest.mark.parametrize(
    "name, rows", [("mae_vit", 3), ("superres_conv", 3), ("inpainting_unet", 3), ("denoising_conv", 3), ("ae_conv", 2)]
)
def test_a_picture_shows_the_image_degraded_and_restored(name, rows, tmp_path):
    from PIL import Image

    model = tiny(name, (12, 12, 3))
    side_by_side(model, IMAGES[:4], tmp_path / "a.png", columns=4)
    side_by_side(model, IMAGES[:4], tmp_path / "b.png", columns=4)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    height = Image.open(tmp_path / "a.png").size[1]
    assert height // (12 + 2) == rows


def test_tokens_are_probed_by_their_quarters_their_mean_and_the_first():
    model = tiny("mae_vit", (64, 64, 3), width=24)
    found = candidates(model, np.zeros((1, 64, 64, 3), np.uint8))
    assert found[:4] == [("block1", 2), ("block1", "mean"), ("block1", "token"), ("block2", 2)]
    series = tiny("mae_vit", (2048, 3), width=24)
    assert candidates(series, np.zeros((1, 2048, 3), np.float32))[:2] == [("block1", "mean"), ("block1", "token")]


def test_noise_of_the_benchmarks_is_neither_clipped_nor_rounded_and_images_differ_in_size(tmp_path):
    from PIL import Image

    rng, folder = np.random.default_rng(1), tmp_path / "photographs"
    folder.mkdir()
    for i, shape in enumerate([(40, 24), (24, 40), (40, 24)]):
        Image.fromarray(rng.integers(0, 2, shape, dtype=np.uint8) * 255).save(folder / f"{i}.png")
    model = tiny("denoising_dncnn", (16, 16, 1))
    for variable in model.decoder.backbone.net.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    wanted = [{"metric": "denoised_psnr_unclipped", "level": 0.1}]
    found = measure(model, wanted, str(folder), progress=None)["denoised_psnr_unclipped"]
    # Black and white pixels: half of the noise is clipped in the result of a model that returns its input.
    assert found["baselines"]["degraded image"] == pytest.approx(20, abs=0.1) and found["n"] == 3
    assert found["value"] == pytest.approx(20 + 10 * np.log10(2), abs=0.2)
    assert found == measure(model, wanted, str(folder), progress=None)["denoised_psnr_unclipped"]
    with pytest.raises(ZooError, match="weights that depend on the size of the images, .* images of 16 x 16 x 1"):
        measure(tiny("ae_mlp", (16, 16, 1)), wanted, str(folder), progress=None)
    (folder / "3.png").write_bytes(b"no image")
    with pytest.raises(ZooError, match="3.png"):
        measure(model, wanted, str(folder), progress=None)
