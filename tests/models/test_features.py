"""Encoders without a decoder: they are Keras models as all others, and are fine-tuned."""

import copy

import keras
import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.finetuning.finetune import Settings, finetune
from zoo.models import registry

IMAGES = np.random.default_rng(0).random((12, 8, 8, 3), dtype=np.float32)
pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(params=["mae_vit", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mae_convnext", "mae_hiera"))])
def model(request):
    return registry.build({"variant": "features", "model": tiny(request.param, (8, 8, 3)).config})


def test_files_and_copies_give_the_same_features(model, tmp_path):
    features = model.encode(IMAGES)
    assert features.shape[1:] == model.output_shape[1:] and model.input_shape == (None, 8, 8, 3)
    model.save(tmp_path / "m.keras")
    zoo.save(model, tmp_path / "saved")
    for again in (keras.saving.load_model(tmp_path / "m.keras"), zoo.load(tmp_path / "saved"), copy.deepcopy(model)):
        assert again.config == model.config
        np.testing.assert_array_equal(again.encode(IMAGES), features)
    assert zoo.load_encoder(tmp_path / "saved", model.encoder.feature_layers[0]).predict(IMAGES, verbose=0).ndim == 2


def test_it_becomes_a_classifier(model, tmp_path):
    labels = np.arange(12) % 2
    settings = Settings(epochs=1, batch_size=5)
    tuned, report = finetune(model, IMAGES, labels, ["a", "b"], tmp_path / "tuned", settings, progress=None)
    assert tuned.classify(IMAGES).shape == (12, 2) and report["epochs"]
    loaded = zoo.load(tmp_path / "tuned" / "model")
    assert loaded.config["model"]["variant"] == "features" and loaded.data_shape == (8, 8, 3)
    np.testing.assert_allclose(loaded.classify(IMAGES), tuned.classify(IMAGES), atol=1e-6)
    with pytest.raises(ZooError, match="has no decoder and returns no images"):
        finetune(model, IMAGES, None, None, tmp_path / "other", settings, progress=None)
