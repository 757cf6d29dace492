"""Corruption: in training only, at the level asked for, and never on the target."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.corruptions.corruption import GaussianNoise, MaskingNoise, SaltAndPepperNoise, corruption

KINDS = [GaussianNoise, MaskingNoise, SaltAndPepperNoise]
GREY = np.full((50, 20, 20, 3), 0.5, np.float32)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


def degraded(kind, level, x=GREY):
    return ops.convert_to_numpy(kind(level)(x, training=True))


@pytest.mark.parametrize("kind", KINDS)
def test_identity_outside_training(kind):
    np.testing.assert_array_equal(kind(0.5)(GREY, training=False), GREY)
    np.testing.assert_array_equal(kind(0.5)(GREY), GREY)


@pytest.mark.parametrize("kind", KINDS)
def test_new_noise_every_time(kind):
    layer = kind(0.5)
    assert np.any(ops.convert_to_numpy(layer(GREY, training=True)) != ops.convert_to_numpy(layer(GREY, training=True)))


def test_gaussian_noise_has_the_deviation_asked_for_and_is_not_clipped():
    noise = degraded(GaussianNoise, 0.4) - GREY
    # 60,000 draws: the mean's standard error is 0.0016, the deviation's 0.0012.
    assert noise.mean() == pytest.approx(0, abs=0.008)
    assert noise.std() == pytest.approx(0.4, abs=0.006)
    assert degraded(GaussianNoise, 0.4).min() < 0


def test_masking_zeroes_the_share_asked_for():
    result = degraded(MaskingNoise, 0.3)
    assert set(np.unique(result)) == {0.0, 0.5}
    # 20,000 pixels: a standard error of 0.0032.
    assert (result == 0).mean() == pytest.approx(0.3, abs=0.015)


def test_salt_and_pepper_has_equal_parts_of_the_share_asked_for():
    result = degraded(SaltAndPepperNoise, 0.4)
    assert set(np.unique(result)) == {0.0, 0.5, 1.0}
    assert (result == 0).mean() == pytest.approx(0.2, abs=0.015)
    assert (result == 1).mean() == pytest.approx(0.2, abs=0.015)


@pytest.mark.parametrize("kind", [MaskingNoise, SaltAndPepperNoise])
def test_channels_of_a_pixel_go_together_and_pixels_do_not(kind):
    result = degraded(kind, 0.5)
    assert np.all(result == result[..., :1])
    assert np.any(result[0, 0, 0] != result[0]) and np.any(result[0] != result[1])


@pytest.mark.parametrize("kind", [MaskingNoise, SaltAndPepperNoise])
def test_features_of_a_vector_go_one_by_one(kind):
    result = degraded(kind, 0.5, np.full((4, 100), 0.5, np.float32))
    assert np.all([len(np.unique(row)) > 1 for row in result])


@pytest.mark.parametrize("kind", [MaskingNoise, SaltAndPepperNoise])
def test_the_ends_of_the_range(kind):
    np.testing.assert_array_equal(degraded(kind, 0.0), GREY)
    assert np.all(degraded(kind, 1.0) != 0.5)


def test_the_model_sees_the_noise_and_the_loss_the_clean_image(images):
    model = tiny("dae_mlp", noise="masking", level=1.0)
    # At level 1 the encoder reads an empty image, whatever the input.
    outputs = ops.convert_to_numpy(model(np.zeros_like(images), training=False))
    clean = images.astype(np.float32) / 255
    expected = ((outputs - clean) ** 2).mean()
    history = model.fit(images, batch_size=len(images), verbose=0).history
    assert history["reconstruction"][0] == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(images, verbose=0, return_dict=True)["loss"] != pytest.approx(expected, rel=1e-3)


def test_bad_noise_is_refused():
    with pytest.raises(ZooError, match="Did you mean 'masking'"):
        corruption("maskng", 0.3)
    with pytest.raises(ZooError, match="level of 1.5"):
        corruption("masking", 1.5)
    with pytest.raises(ZooError, match="level of -0.1"):
        corruption("gaussian", -0.1)
    assert corruption("gaussian", 1.5).level == 1.5
