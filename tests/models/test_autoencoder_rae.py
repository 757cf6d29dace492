"""Representation autoencoders: another model's encoder, frozen, and a decoder of its own."""

import copy

import keras
import numpy as np
import pytest

import zoo
from zoo.errors import ZooError
from zoo.layers.blocks.tokens import cubic
from zoo.pretrained.arrays import named_variables

SMALL = {
    "input_shape": (16, 16, 3),
    "encoder_size": 12,
    "patch_size": 6,
    "width": 8,
    "depth": 1,
    "heads": 2,
    "registers": 1,
    "trained_grid": (3, 3),
    "decoder_width": 8,
    "decoder_depth": 1,
    "decoder_heads": 2,
    "decoder_mlp_ratio": 2.0,
    "mean": (0.5, 0.4, 0.3),
    "deviation": (0.2, 0.3, 0.25),
}
IMAGES = np.random.default_rng(0).random((6, 16, 16, 3), dtype=np.float32)
pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return zoo.create("autoencoder_rae", **SMALL)


def test_it_is_not_among_the_models_that_are_trained_from_scratch(model):
    assert zoo.list_models("autoencoder_rae*") == [] and model.config["variant"] == "autoencoder_rae"


def test_the_decoder_alone_is_trained(model):
    before = {path: np.array(variable) for path, variable in named_variables(model).items()}
    history = model.fit(IMAGES, batch_size=3, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    changed = {path for path, variable in named_variables(model).items() if not np.array_equal(variable, before[path])}
    assert changed and all(path.startswith("decoder/") for path in changed)
    still = {path for path in before if path.startswith("decoder/")} - changed
    assert all("moments" in path for path in still)


def test_files_and_copies_are_the_model(model, tmp_path):
    code, images = model.encode(IMAGES), model.reconstruct(IMAGES)
    assert code.shape == (6, 8) and images.shape == IMAGES.shape
    model.save(tmp_path / "m.keras")
    zoo.save(model, tmp_path / "saved")
    for again in (keras.saving.load_model(tmp_path / "m.keras"), zoo.load(tmp_path / "saved"), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.encode(IMAGES), code)
        np.testing.assert_array_equal(again.reconstruct(IMAGES), images)
        assert len(again.trainable_variables) == len(model.trainable_variables)


def test_images_are_resized_before_the_encoder(model):
    net = model.encoder.backbone.net
    matrix = cubic(16, 12)
    small = np.einsum("ij,njkc,lk->nilc", matrix, IMAGES, matrix)
    standardized = ((small - np.array(SMALL["mean"])) / np.array(SMALL["deviation"])).astype("float32")
    np.testing.assert_allclose(np.array(model.code(IMAGES)), np.array(net(standardized)) / (1 + 1e-5), atol=1e-5)


def test_codes_are_standardized_at_each_place(model):
    rng = np.random.default_rng(1)
    h = np.array(model.code(IMAGES)) * (1 + 1e-5)
    mean, deviation = rng.normal(size=(8, 2, 2)), rng.uniform(0.5, 2, (8, 2, 2))
    for moments in (model.bottleneck.moments, model.decoder.backbone.stages[0].moments):
        moments.mean.assign(mean)
        moments.deviation.assign(deviation)
    expected = (h - mean.transpose(1, 2, 0)) / (deviation.transpose(1, 2, 0) + 1e-5)
    np.testing.assert_allclose(np.array(model.code(IMAGES)), expected, atol=1e-5)
    np.testing.assert_allclose(model.decode(expected.astype("float32")), model.reconstruct(IMAGES), atol=1e-5)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"input_shape": (16, 8, 3)}, "images of 16 x 8, encoder_size=12 and patch_size=6, expected square"),
        ({"encoder_size": 13}, "encoder_size=13 and patch_size=6, expected"),
        ({"mean": None}, "expected 3 numbers each, or neither"),
        ({"width": "wide"}, "autoencoder_rae cannot be built with width='wide': expected a whole number"),
    ],
)
def test_what_does_not_fit_is_said(options, told):
    with pytest.raises(ZooError, match=told):
        zoo.create("autoencoder_rae", **{**SMALL, **options})
