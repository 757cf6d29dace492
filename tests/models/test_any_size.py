"""Images of any size: tiles give what the whole image gives if the network is local, no seams elsewhere, and current weights."""

import keras
import numpy as np
import pytest
from tiny import tiny

from zoo.errors import ZooError
from zoo.models.base import any_size
from zoo.models.base.any_size import at_size, downsampling, restored

RNG = np.random.default_rng(0)


def whole(model, image):
    """The result of the model built for the whole image, which is padded to multiples of its downsampling factor."""
    scale, step = model.data_shape[0] // model.degraded_shape[0], downsampling(model)
    size = [-(-side // step) * step for side in image.shape[:2]]
    padded = np.pad(image, [(0, wanted - side) for wanted, side in zip(size, image.shape)] + [(0, 0)], mode="symmetric")
    made = at_size(model, (size[0] * scale, size[1] * scale, image.shape[2]))
    return made.reconstruct(padded[None])[0][: image.shape[0] * scale, : image.shape[1] * scale]


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles of 128 pixels, so that tests are quick."""
    monkeypatch.setattr(any_size, "_TILE", 128)
    monkeypatch.setattr(any_size, "_SMALL_TILE", 128)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (200, 290, 3)])
def test_tiles_of_a_local_model_give_what_the_whole_image_gives(small_tiles, shape):
    model = tiny("denoising_dncnn", (16, 16, 3), depth=4)
    image = RNG.random(shape, dtype=np.float32)
    made = restored(model, image)
    assert made.shape == shape
    np.testing.assert_allclose(made, whole(model, image), atol=1e-5)


@pytest.mark.parametrize("scale", [2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)])
def test_tiles_of_super_resolution(small_tiles, scale):
    model = tiny("superres_conv", (12, 12, 1), scale=scale, edges="mirror")
    image = RNG.integers(0, 256, (150, 171, 1), dtype=np.uint8)
    made = restored(model, image)
    assert made.shape == (150 * scale, 171 * scale, 1)
    np.testing.assert_allclose(made, whole(model, image), atol=1e-5)


@pytest.mark.parametrize(
    "name, options, factor",
    [
        ("denoising_dncnn", {}, 1),
        ("denoising_unet", {"filters": (4, 6, 8), "first_stride": 2}, 8),
        ("denoising_resnet", {"filters": (4, 6), "first_stride": 4}, 8),
        ("denoising_conv", {"filters": (4, 6)}, 4),
        ("superres_resnet", {}, 1),
        ("superres_unet", {"filters": (4, 6)}, 2),
    ],
)
def test_the_downsampling_factor_is_known(name, options, factor):
    assert downsampling(tiny(name, (16, 16, 1), **options)) == factor


def test_tiles_of_a_strided_model_start_where_its_strides_do(small_tiles):
    model = tiny("denoising_unet", (16, 16, 1), filters=(4, 6), first_stride=2, blocks=1)
    image = RNG.random((170, 201, 1), dtype=np.float32)
    # A pixel depends on others up to 19 away, more than the quarter of the overlap, 8 pixels.
    assert np.abs(restored(model, image) - whole(model, image)).max() < 0.02


def test_seams_of_a_model_that_sees_far_are_not_visible(small_tiles):
    keras.utils.set_random_seed(0)
    model = tiny("denoising_unet", (16, 16, 1), filters=(4, 6, 8), blocks=2)
    for variable in model.weights:
        if variable.path.endswith("scale"):
            variable.assign(1.0)
    # A smooth image, in which a seam would show.
    rows, columns = np.mgrid[:180, :260] / 60
    image = (0.5 + 0.3 * np.sin(rows) * np.cos(columns))[..., None].astype(np.float32)
    made, expected = restored(model, image), whole(model, image)
    difference = made - expected
    assert np.abs(difference).max() > 1e-6
    # The step from one pixel to the next is hardly larger than without tiles.
    for axis in (0, 1):
        assert np.abs(np.diff(difference, axis=axis)).max() < 0.1 * np.abs(np.diff(expected, axis=axis)).max()


def test_weights_are_those_of_the_moment():
    model = tiny("denoising_conv", (16, 16, 1))
    image = RNG.random((1, 20, 40, 1), dtype=np.float32)
    before = model.reconstruct(image)
    for variable in model.decoder.trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))
    np.testing.assert_allclose(model.reconstruct(image), image, atol=1e-6)
    assert np.abs(before - image).max() > 1e-3


def test_models_for_other_sizes_are_kept_but_not_all():
    model = tiny("denoising_dncnn", (16, 16, 1))
    first = at_size(model, (32, 32, 1))
    assert at_size(model, (32, 32, 1)) is first and at_size(model, (16, 16, 1)) is model
    for side in range(any_size._KEPT):
        at_size(model, (32, 64 + side, 1))
    assert at_size(model, (32, 32, 1)) is not first


def test_weights_that_depend_on_the_size_are_refused():
    with pytest.raises(ZooError, match="restores images of 16 x 16 x 1 only; got 20 x 20 x 1"):
        restored(tiny("ae_mlp", (16, 16, 1)), np.zeros((20, 20, 1), np.uint8))


def test_a_list_of_images_and_arrays_of_another_size():
    model = tiny("denoising_conv", (16, 16, 3))
    images = [RNG.random(shape, dtype=np.float32) for shape in ((16, 16, 3), (5, 40, 3))]
    found = model.reconstruct(images)
    assert [image.shape for image in found] == [(16, 16, 3), (5, 40, 3)]
    np.testing.assert_allclose(model.reconstruct(images[1][None])[0], found[1], atol=1e-6)
    as_bytes = [np.round(255 * image).astype(np.uint8) for image in images]
    np.testing.assert_allclose(model.reconstruct(as_bytes)[1], found[1], atol=0.02)
    enlarger = tiny("superres_conv", (12, 12, 3))
    assert enlarger.reconstruct([images[0]])[0].shape == (32, 32, 3)
    # An image of the model's own size is a large one, as in training.
    assert enlarger.reconstruct(images[0][None, :12, :12]).shape == (1, 12, 12, 3)
    for bad, message in (
        (np.zeros((1, 20, 20, 1), np.uint8), r"shape \(1, 20, 20, 1\), expected \(N, height, width, 3\)"),
        ([np.zeros((20, 20), np.uint8)], r"shape \(1, 20, 20\), expected \(N, height, width, 3\)"),
        (np.zeros((1, 0, 20, 3), np.uint8), r"expected \(N, height, width, 3\)"),
        ([np.full((20, 20, 3), 7.0)], "expected 0..1"),
        ([np.full((20, 20, 3), np.nan)], "NaN"),
    ):
        with pytest.raises(ZooError, match=message):
            model.reconstruct(bad)
