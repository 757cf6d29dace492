"""Encoders that take images of any size."""

import json

import keras
import numpy as np
import pytest
from other_backends import on_backend

import zoo
from zoo.data.image_files import resized
from zoo.errors import ZooError
from zoo.models.base.resizing import ResizingEncoder


@pytest.fixture(scope="module")
def images():
    """Smooth and coarse ones, uint8 (4, 75, 50, 1)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (4, 15, 10, 1), dtype=np.uint8)
    return coarse.repeat(5, axis=1).repeat(5, axis=2)


@pytest.fixture(scope="module")
def encoder():
    return zoo.load_encoder("ae_conv.mnist", resize=True)


def by_pillow(images):
    return np.stack([resized(image, (28, 28)) for image in images])


def test_they_give_the_features_of_the_resized_images(encoder, images):
    plain = zoo.load_encoder("ae_conv.mnist")
    wanted = plain.predict(by_pillow(images), verbose=0)
    got = encoder.predict(images, verbose=0)
    # Pillow rounds to whole bytes, twice.
    np.testing.assert_allclose(got, wanted, atol=0.02 * np.abs(wanted).max())
    assert np.abs(got - plain.predict(images[:, :28, :28], verbose=0)).max() > 0.2 * np.abs(wanted).max()


def test_bytes_and_floats_give_the_same(encoder, images):
    as_floats = (images / 255).astype("float32")
    np.testing.assert_allclose(encoder.predict(as_floats, verbose=0), encoder.predict(images, verbose=0), atol=1e-4)


def test_small_images_are_made_larger(encoder, images):
    small = images[:, ::5, ::5]
    wanted = zoo.load_encoder("ae_conv.mnist").predict(by_pillow(small), verbose=0)
    np.testing.assert_allclose(encoder.predict(small, verbose=0), wanted, atol=0.02 * np.abs(wanted).max())


def test_images_of_the_models_size_are_taken_as_they_are(encoder):
    digits = np.random.default_rng(1).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    plain = zoo.load_encoder("ae_conv.mnist")
    np.testing.assert_array_equal(encoder.predict(digits, verbose=0), plain.predict(digits, verbose=0))


def test_a_functional_model_takes_several_sizes(encoder, images):
    inputs = keras.Input((None, None, 1), dtype="uint8")
    mine = keras.Model(inputs, keras.layers.Dense(3)(encoder(inputs)))
    for some in (images, images[:, :40]):
        assert mine.predict(some, verbose=0).shape == (4, 3)
    np.testing.assert_allclose(
        keras.Model(inputs, encoder(inputs)).predict(images, verbose=0), encoder.predict(images, verbose=0), atol=1e-5
    )


def test_depths_are_resized_for_too(images):
    encoder = zoo.load_encoder("ae_conv.mnist", layer="stage1", pool=2, resize=True)
    assert encoder.feature_layers == zoo.load_encoder("ae_conv.mnist").feature_layers
    features = encoder.predict(images, verbose=0)
    np.testing.assert_array_equal(encoder.at("stage1", pool=2).predict(images, verbose=0), features)
    assert encoder.at() is encoder


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_other_backends_agree(backend, encoder, images):
    program = (
        "import json, sys, numpy as np, zoo\n"
        "images = np.array(json.loads(sys.argv[1]), dtype='uint8')\n"
        "print(json.dumps(zoo.load_encoder('ae_conv.mnist', resize=True).predict(images, verbose=0).tolist()))"
    )
    some = images[:2]
    wanted = encoder.predict(some, verbose=0)
    np.testing.assert_allclose(
        on_backend(backend, "-c", program, json.dumps(some.tolist())), wanted, atol=1e-3 * np.abs(wanted).max()
    )


def test_wrong_images_and_encoders_are_refused(encoder, images):
    with pytest.raises(ZooError, match=r"got inputs of shape \(4, 75, 50, 3\), expected \(N, height, width, 1\)"):
        encoder(images.repeat(3, axis=-1))
    with pytest.raises(
        ZooError, match=r"got inputs of shape \(75, 50, 1\), expected \(N, height, width, 1\). Add the batch axis"
    ):
        encoder(images[0])
    vectors = zoo.create("ae", backbone="mlp", input_shape=(20,), latent_dim=2)
    with pytest.raises(ZooError, match=r"got an encoder for inputs of shape \(20,\), expected one for images"):
        ResizingEncoder(vectors.encoder, vectors.data_shape)
