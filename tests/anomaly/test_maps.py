"""Anomaly maps of models: what is compared, how it is smoothed, and what a masked model and one for inpainting compare."""

import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.anomaly.maps import enlarged, robust_maximum, smoothed
from zoo.errors import ZooError
from zoo.layers.blocks.contrast import local_contrast
from zoo.layers.corruptions.holes import complementary_holes
from zoo.modalities.image import unit_array

RNG = np.random.default_rng(0)
MAPS = RNG.random((3, 12, 9), dtype=np.float32)


def test_smoothing_is_that_of_scipy_and_keeps_the_mean():
    from scipy.ndimage import gaussian_filter

    for sigma in (0.6, 1.5, 5.0):
        expected = gaussian_filter(
            MAPS.astype(np.float64), (0, sigma, sigma), mode="reflect", radius=(0, *[int(np.ceil(4 * sigma))] * 2)
        )
        np.testing.assert_allclose(smoothed(MAPS, sigma), expected, rtol=1e-4)
        np.testing.assert_allclose(smoothed(MAPS, sigma).mean(axis=(1, 2)), MAPS.mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(smoothed(MAPS, 0), MAPS)
    np.testing.assert_array_equal(smoothed(MAPS), smoothed(MAPS, 9 / 32))
    with pytest.raises(ZooError, match="got sigma=-1"):
        smoothed(MAPS, -1)


def test_enlarging_is_linear_between_the_centers():
    slope = np.arange(4, dtype=np.float32)[None, :, None] * np.ones((1, 4, 2), np.float32)
    found = enlarged(slope, (8, 2))
    np.testing.assert_allclose(found[0, :, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3], rtol=1e-6)
    np.testing.assert_allclose(enlarged(MAPS, (12, 9)), MAPS, rtol=1e-6)


def test_one_pixel_does_not_decide_the_robust_maximum():
    maps = np.zeros((2, 20, 20), np.float32)
    maps[0, 3, 3] = 1
    maps[1, :2, :2] = 1
    np.testing.assert_allclose(robust_maximum(maps), [0.25, 1])


@pytest.mark.parametrize("name", ["ae_mlp", "vae_conv", "denoising_conv", "superres_resnet", "cvae_mlp"])
def test_a_map_is_the_squared_error_of_the_reconstruction(name):
    model, x = tiny(name, (8, 8, 3)), RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    seen = x
    if name.startswith("superres"):
        seen = np.clip(ops.convert_to_numpy(model.encoder.backbone.before(unit_array(x))), 0, 1)
    error = np.square(unit_array(x) - model.reconstruct(seen)).mean(axis=-1)
    found = model.anomaly_map(x, sigma=0)
    assert found.dtype == np.float32 and found.shape == (5, 8, 8)
    np.testing.assert_allclose(found, error, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.anomaly_map(x, batch_size=2, sigma=2), smoothed(error, 2), rtol=1e-4, atol=1e-6)


def test_the_score_of_a_map_is_its_robust_maximum(images):
    model = tiny("ae_conv")
    np.testing.assert_allclose(model.anomaly_score(images, by="map"), robust_maximum(model.anomaly_map(images)), rtol=1e-6)


def test_contrast_is_compared_with_contrast(images):
    model = tiny("wta_conv", loss="contrast_mse")
    outputs = model.decoder.backbone(model.code(unit_array(images)))
    expected = ops.convert_to_numpy(local_contrast(unit_array(images)) - outputs)[..., 0] ** 2
    np.testing.assert_allclose(model.anomaly_map(images, sigma=0), expected, rtol=1e-3, atol=1e-5)


def test_a_masked_model_finds_each_patch_from_others():
    model = tiny("mae_vit", (8, 8, 1), normalized_targets=False)
    x = RNG.random((2, 8, 8, 1), dtype=np.float32)
    before = model.reconstruct(x)
    # What is in the patch does not change what is expected there, so that its error is that of its own pixels.
    x[:, :2, :2] = 1 - x[:, :2, :2]
    expected = np.square(x - before)[:, :2, :2, 0]
    np.testing.assert_allclose(model.anomaly_map(x, sigma=0)[:, :2, :2], expected, atol=1e-4)


def test_holes_complement_each_other():
    masks = complementary_holes((9, 13))
    assert (np.sum(masks, axis=0) == 1).all() and [mask.shape for mask in masks] == [(9, 13)] * 3
    assert min(mask.mean() for mask in masks) > 0.3


def test_inpainting_finds_each_pixel_from_its_surroundings():
    model = tiny("inpainting_conv", (8, 8, 3))
    x = RNG.uniform(0.1, 1, (2, 8, 8, 3)).astype(np.float32)
    assert not model.anomaly_score(x).any(), "without holes it returns the image"
    found, mask = model.anomaly_map(x, sigma=0), complementary_holes((8, 8))[1]
    filled = model.reconstruct(np.where(mask[..., None], np.float32(0), x))
    np.testing.assert_allclose(found[:, mask], np.square(x - filled).mean(axis=-1)[:, mask], rtol=1e-4, atol=1e-6)
    # Black pixels of the image are pixels like others: just above black, they are no holes.
    black = x.copy()
    black[:, :4] = 0
    filled = model.reconstruct(np.where(mask[..., None], np.float32(0), np.maximum(black, 1 / 1024)))
    expected = np.square(black - filled).mean(axis=-1)
    np.testing.assert_allclose(model.anomaly_map(black, sigma=0)[:, mask], expected[:, mask], rtol=1e-4, atol=1e-6)


def test_what_has_no_map_says_so(images):
    vectors = tiny("ae_mlp", input_shape=(12,))
    with pytest.raises(ZooError, match=r"anomaly maps require images .* have shape \(12,\)"):
        vectors.anomaly_map(np.zeros((3, 12), np.float32))
    with pytest.raises(ZooError, match="got an array of shape"):
        tiny("ae_mlp").anomaly_map(images[:, :4])
