"""Local contrast, and the models that read it instead of the image."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo import losses
from zoo.layers.blocks.contrast import local_contrast


def textures(shape=(4, 24, 20, 3), seed=0):
    """Images in .25..0.75 without flat regions."""
    return np.random.default_rng(seed).uniform(0.25, 0.75, shape).astype(np.float32)


def contrast(x):
    return ops.convert_to_numpy(local_contrast(ops.convert_to_tensor(x)))


def test_it_has_mean_zero_and_deviation_one_and_knows_no_brightness():
    x = textures()
    c = contrast(x)
    assert c.shape == x.shape
    assert np.abs(c.mean(axis=(1, 2))).max() < 0.05
    assert c.std(axis=(1, 2, 3)) == pytest.approx(np.ones(4), abs=0.15)
    tinted = x * 0.4 + np.array([0.0, 0.1, 0.3], np.float32)
    np.testing.assert_allclose(contrast(tinted), c, atol=1e-3)


def test_shades_and_flat_regions_have_little():
    flat = np.full((1, 16, 16, 3), 0.4, np.float32)
    assert np.abs(contrast(flat)).max() < 1e-4
    # An edge stands out of a smooth shade on either side.
    shade = np.tile(np.linspace(0.2, 0.4, 32, dtype=np.float32)[None, None, :, None], (1, 32, 1, 1))
    edge = shade.copy()
    edge[:, 16:] += 0.4
    c = np.abs(contrast(edge))[0, :, 16, 0]
    assert c[15:17].min() > 5 * c[[4, 28]].max()


def test_an_image_smaller_than_the_window():
    assert np.isfinite(contrast(textures((2, 3, 1, 1)))).all()


def test_it_is_of_images_alone():
    with pytest.raises(zoo.ZooError, match=r"requires images, got inputs of shape \(2, 5\); use the loss 'mse'"):
        local_contrast(np.zeros((2, 5), "float32"))
    with pytest.raises(zoo.ZooError, match="use the loss 'mse' for vectors"):
        tiny("dae_mlp", input_shape=(5,), loss="contrast_mse")


def test_the_image_of_no_contrast_is_grey():
    loss = losses.get("contrast_mse")
    image = ops.convert_to_numpy(loss.to_image(np.array([0.0, 1.5, 9.0, -9.0], "float32")))
    np.testing.assert_allclose(image, [0.5, 0.75, 1.0, 0.0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wta_conv", "dae_unet", "dae_conv"])
def test_models_of_it_know_no_brightness_and_learn(name):
    keras.utils.set_random_seed(0)
    model = tiny(name, input_shape=(16, 16, 3), loss="contrast_mse")
    x = textures((32, 16, 16, 3))
    # A pattern that all images share, so that there is something to learn.
    x[:, 4:12, 6:8] = 0.9
    np.testing.assert_allclose(model.encode(0.5 * x + 0.2), model.encode(x), atol=2e-3)
    layer = model.encoder.feature_layers[0]
    depth = model.encoder.at(layer, "mean")
    np.testing.assert_allclose(np.asarray(depth(0.5 * x + 0.2)), np.asarray(depth(x)), atol=2e-3)
    model.compile(keras.optimizers.Adam(3e-2))
    found = model.fit(x, batch_size=16, epochs=12, verbose=0).history["reconstruction"]
    assert found[-1] < 0.99 * found[0]
    plain = tiny(name, input_shape=(16, 16, 3))
    assert np.abs(plain.encode(0.5 * x + 0.2) - plain.encode(x)).max() > 2e-3
