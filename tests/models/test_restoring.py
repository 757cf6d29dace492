"""Denoising, inpainting and super-resolution: the image's own way past the network, and what restoration does to it."""

import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.layers.corruptions.resample import Shrink, Shuffle, enlarge
from zoo.utils import bicubic

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0.1, 1, (6, 8, 8, 3)).astype("float32")


def silent(model):
    """The model with a network that puts out zeros."""
    for variable in model.decoder.backbone.net.trainable_variables:
        variable.assign(ops.zeros_like(variable))
    return model


@pytest.mark.parametrize("backbone", ["unet", "conv", "resnet", "dncnn"])
def test_a_silent_denoiser_gives_back_what_it_is_given(backbone):
    model = silent(tiny(f"denoising_{backbone}", (8, 8, 3)))
    np.testing.assert_allclose(model.reconstruct(IMAGES), IMAGES, atol=1e-6)


@pytest.mark.parametrize("backbone", ["unet", "conv", "resnet"])
def test_inpainting_changes_holes_alone(backbone):
    model = tiny(f"inpainting_{backbone}", (8, 8, 3))
    degraded = IMAGES.copy()
    degraded[:, 2:5, 3:6] = 0
    result = model.reconstruct(degraded)
    known = degraded.any(axis=-1)
    np.testing.assert_array_equal(result[known], degraded[known])
    assert np.abs(result[~known]).max() > 1e-3


def test_a_silent_super_resolution_is_bicubic():
    model = silent(tiny("superres_resnet", (8, 8, 3)))
    small = IMAGES[:, ::2, ::2]
    expected = np.clip(ops.convert_to_numpy(enlarge(small, 2)), 0, 1)
    np.testing.assert_allclose(model.reconstruct(small), expected, atol=1e-5)


@pytest.mark.parametrize("scale, upsampler", [(2, "subpixel"), (3, "resize"), (4, "subpixel"), (4, "resize")])
def test_super_resolution_reads_small_and_large_images(scale, upsampler):
    model = tiny("superres_conv", (24, 12, 3), scale=scale, upsampler=upsampler)
    large = RNG.random((5, 24, 12, 3), dtype=np.float32)
    small = ops.convert_to_numpy(Shrink(scale, model.degraded_shape)(large))
    assert small.shape[1:] == model.degraded_shape == (24 // scale, 12 // scale, 3)
    assert model.reconstruct(small).shape == large.shape
    np.testing.assert_allclose(model.reconstruct(large), model.reconstruct(small), atol=1e-5)
    with pytest.raises(ZooError, match=r"expected \(N, height, width, 3\)"):
        model.reconstruct(large[..., 1:])


def test_shrinking_is_the_mean_of_what_is_flat_and_leaves_small_images_alone():
    layer = Shrink(2, (4, 4, 3))
    np.testing.assert_allclose(layer(np.full((1, 8, 8, 3), 0.3, np.float32)), np.full((1, 4, 4, 3), 0.3), atol=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(IMAGES[:, :4, :4])), IMAGES[:, :4, :4])
    # Antialiased: pixels of a checkerboard are averaged, not picked.
    board = np.indices((8, 8)).sum(axis=0)[None, :, :, None] % 2 * np.ones(3, np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(board.astype("float32")))[:, 1:-1, 1:-1], 0.5, atol=0.1)


def test_shuffled_maps_become_the_pixels_of_their_place():
    x = np.arange(8.0).reshape(1, 1, 2, 4)
    np.testing.assert_array_equal(ops.convert_to_numpy(Shuffle(2)(x))[0, :, :, 0], [[0, 1, 4, 5], [2, 3, 6, 7]])


@pytest.mark.parametrize("name", ["denoising_unet", "inpainting_conv", "superres_resnet"])
def test_features_are_of_the_maps_and_not_of_the_image(name):
    model = tiny(name, (8, 8, 3))
    for variable in model.encoder.backbone.net.trainable_variables:
        variable.assign(ops.zeros_like(variable))
    assert not np.any(model.encode(IMAGES))
    assert np.any(ops.convert_to_numpy(model.code(IMAGES)))


def test_features_of_a_depth_by_name():
    model = tiny("denoising_unet", (8, 8, 3), features="down2")
    expected = ops.convert_to_numpy(model.encoder.at("down2", 4)(IMAGES))
    np.testing.assert_allclose(model.encode(IMAGES), expected, atol=1e-6)
    with pytest.raises(ZooError, match="features='down9', expected a depth of the backbone: down1, down2, up1"):
        tiny("denoising_unet", (8, 8, 3), features="down9")


def test_noise_of_a_denoiser_stays_in_range_and_varies_by_image():
    model = zoo.create("denoising", "conv", input_shape=(16, 16, 3), filters=(4,), level=(0.0, 0.3))
    x = np.full((200, 16, 16, 3), 0.5, np.float32)
    noise = ops.convert_to_numpy(model.corruption(x, training=True)) - 0.5
    assert np.abs(noise).max() <= 0.5
    levels = noise.std(axis=(1, 2, 3))
    assert levels.min() < 0.05 and levels.max() > 0.22 and 0.1 < levels.mean() < 0.18


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("denoising_conv", {"loss": "bernoulli"}, "loss 'bernoulli', expected one of mse, mae"),
        ("denoising_conv", {"level": (0.3, 0.1)}, "noise level"),
        ("superres_conv", {"scale": 5}, "scale=5"),
        ("superres_conv", {"scale": 3}, "divides height and width"),
        ("superres_conv", {"upsampler": "bilinear"}, "upsampler='bilinear', expected one of subpixel, resize"),
        ("superres_conv", {"strides": (1, 2)}, "keeps the resolution; give strides of 1"),
    ],
)
def test_impossible_options_are_refused(name, options, message):
    with pytest.raises(ZooError, match=message):
        tiny(name, (8, 8, 3), **options)


@pytest.mark.parametrize("edges", bicubic.EDGES)
def test_images_of_two_sizes_at_once_are_reduced_alike(edges):
    import tensorflow as tf

    layer = Shrink(2, (8, 6, 3), edges)
    traced = tf.function(layer.call, input_signature=[tf.TensorSpec((None, None, None, 3))])
    for shape in ((2, 16, 12, 3), (2, 8, 6, 3)):
        x = RNG.random(shape, dtype=np.float32)
        np.testing.assert_allclose(traced(x), layer(x), atol=1e-5)


def test_super_resolution_with_the_edges_of_matlab():
    model = silent(tiny("superres_resnet", (8, 12, 3), edges="mirror"))
    large = RNG.random((8, 12, 3), dtype=np.float32)
    small = np.clip(bicubic.resized(large, (4, 6)), 0, 1)
    np.testing.assert_allclose(model.reconstruct(large[None])[0], np.clip(bicubic.resized(small, (8, 12)), 0, 1), atol=1e-5)
    with pytest.raises(ZooError, match="edges='reflect', expected one of mirror, cut"):
        tiny("superres_resnet", (8, 8, 3), edges="reflect")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_images_are_resized_as_keras_resizes_them(scale):
    x = np.random.default_rng(0).random((2, 24, 36, 3), dtype=np.float32)
    small = (24 // scale, 36 // scale)
    shrunk = ops.image.resize(x, small, interpolation="bicubic", antialias=True)
    np.testing.assert_allclose(Shrink(scale, (*small, 3))(x), np.clip(shrunk, 0, 1), atol=1e-6)
    # Keras on TensorFlow looks weights up in a table, of which thirds of a pixel are not among the entries.
    large = ops.image.resize(x, (24 * scale, 36 * scale), interpolation="bicubic")
    np.testing.assert_allclose(enlarge(x, scale), large, atol=1e-6 if scale != 3 else 1e-3)
