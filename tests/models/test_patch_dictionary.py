"""A patch dictionary: the responses of its equation, features pooled over regions, a decoder that puts patches back."""

import numpy as np
import pytest
from tiny import tiny
from tiny_recipe import tiny_recipe

import zoo
from zoo.errors import ZooError
from zoo.evaluation.pca import pca_mse
from zoo.layers.blocks.dictionary import PatchDictionary, PatchesToImage, normalized
from zoo.training import fit as training
from zoo.training.initialization.patches import start_from_patches


def patches(images, size):
    """(N, H, W, C) -> (N, H - size + 1, W - size + 1, size * size * C)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    return np.moveaxis(windows, 3, -1).reshape(*windows.shape[:3], -1)


def test_a_response_is_of_the_normalized_patch():
    rng = np.random.default_rng(0)
    images = rng.random((3, 7, 9, 2)).astype(np.float32)
    images[0, :4, :4] = 0.3  # no contrast
    layer = PatchDictionary(5, size=3, threshold=0.1)
    found = np.array(layer(images))
    kernel = np.array(layer.responses.kernel).reshape(-1, 5)
    rows, mean, contrast = normalized(patches(images, 3).reshape(-1, 18))
    responses = rows @ (kernel - kernel.mean(axis=0)) + np.array(layer.responses.bias)
    wanted = np.concatenate([np.maximum(responses - 0.1, 0), np.maximum(-responses - 0.1, 0), mean, contrast], axis=1)
    assert found.shape == (3, 5, 7, 12) == layer.compute_output_shape(images.shape)
    np.testing.assert_allclose(found.reshape(-1, 12), wanted, atol=2e-4)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_patches_that_agree_are_the_image(size):
    rng = np.random.default_rng(0)
    image = rng.random((2, 6, 5, 1)).astype(np.float32)
    rows = patches(image, size)
    layer = PatchesToImage(size, 1)
    # The code are the patches themselves; their mean is 0 and their contrast 1.
    z = np.concatenate([rows, np.zeros((*rows.shape[:3], 1)), np.ones((*rows.shape[:3], 1))], axis=-1).astype(np.float32)
    layer.build(z.shape)
    layer.patch.kernel.assign(np.eye(size * size))
    np.testing.assert_allclose(np.array(layer(z)), image, atol=1e-6)
    assert layer.compute_output_shape(z.shape) == image.shape


def test_k_means_and_a_ridge_regression_make_an_autoencoder(digits, tmp_path):
    images = digits[0]
    model = dict(variant="patch_dictionary", input_shape=(8, 8, 1), atoms=12, size=4)
    recipe = tiny_recipe(name="patch_dictionary_conv.digits", model=model, start="patches", epochs=0, ema=None)
    trained, checkpoint = training.fit(recipe, images[:400], tmp_path)
    assert checkpoint.epoch == 0
    test = images[400:500]
    features = trained.encode(test)
    assert features.shape == (100, 2 * 2 * 24) and features.min() >= 0
    error = np.mean((trained.reconstruct(test) - test / 255) ** 2)
    assert error < pca_mse(images[:400], test, 16)
    again, _ = training.fit(recipe, images[:400], tmp_path)
    np.testing.assert_array_equal(again.encode(test), features)


def test_the_mean_and_the_contrast_of_patches_are_no_features(digits):
    model = tiny("patch_dictionary_conv")
    start_from_patches(model, digits[0][:100])
    images = np.full((1, 8, 8, 1), 0.2, np.float32)
    brighter = images + 0.3
    np.testing.assert_allclose(model.encode(brighter), model.encode(images), atol=1e-3)
    np.testing.assert_allclose(model.reconstruct(brighter), brighter, atol=0.02)


def test_what_is_no_image_of_a_patch_is_refused():
    with pytest.raises(ZooError, match="expected images of at least one patch"):
        zoo.create("patch_dictionary", input_shape=(5, 8, 1))
    with pytest.raises(ZooError, match="takes images"):
        zoo.create("patch_dictionary", input_shape=(64,))
