"""Greedy pretraining: layer by layer, each on the codes below, resumed like any run."""

import numpy as np
import pytest
from tiny_recipe import tiny_recipe

import zoo
from zoo.training import fit as training
from zoo.training.initialization.layerwise import dense_layers

STACK = dict(variant="stacked", input_shape=(8, 8, 1), hidden=(24, 12), latent_dim=6, activation="gelu")


def recipe(**changes):
    fields = dict(name="stacked_mlp.digits", model=STACK, start="layerwise", start_epochs=6, epochs=1)
    return tiny_recipe(**{**fields, "transforms": (), "ema": None, "warmup_epochs": 0.0, **changes})


def started(folder, images, chosen=None):
    chosen = chosen or recipe()
    model = training.fresh_model(chosen)
    training.prepare(chosen, model, 16)
    training.initialize(chosen, model, images, folder, training.fit)
    return model


@pytest.fixture
def shallow(monkeypatch):
    """Every shallow autoencoder that is trained: (model, checkpoint, its images)."""
    runs, fit = [], training.fit

    def watched(chosen, images, folder, tensorboard=False):
        model, checkpoint = fit(chosen, images, folder, tensorboard)
        runs.append((model, checkpoint, images))
        return model, checkpoint

    monkeypatch.setattr(training, "fit", watched)
    return runs


def test_each_layer_is_trained_on_the_codes_below_and_copied(digits, tmp_path, shallow):
    images = digits[0][:256]
    model = started(tmp_path, images)
    assert len(shallow) == 3
    encoders, decoders = dense_layers(model)
    assert [layer.units for layer in encoders] == [24, 12, 6] and [layer.units for layer in decoders] == [12, 24, 64]
    for (layer, checkpoint, _), encoder, decoder in zip(shallow, encoders, reversed(decoders), strict=True):
        assert checkpoint.epoch == 6 and checkpoint.rows[-1]["loss"] < checkpoint.rows[0]["loss"]
        for whole, part in ((encoder, layer.bottleneck.dense), (decoder, dense_layers(layer)[1][0])):
            for a, b in zip(whole.get_weights(), part.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    for (below, _, x), (_, _, codes) in zip(shallow, shallow[1:]):
        np.testing.assert_array_equal(below.encode(x), codes)
    # The whole net's code is that of the shallow ones in a row.
    last, _, codes = shallow[-1]
    np.testing.assert_allclose(model.encode(images), last.encode(codes), atol=1e-5)
    assert last.config["code_activation"] in (None, "linear"), "a linear code was pretrained under another activation"


def test_the_whole_starts_better_than_from_random_weights(digits, tmp_path):
    images = digits[0][:256]
    pretrained, fresh = started(tmp_path, images), training.fresh_model(recipe())
    losses = [model.evaluate(images, verbose=0, return_dict=True)["loss"] for model in (pretrained, fresh)]
    assert losses[0] < 0.7 * losses[1]


@pytest.mark.slow
def test_killed_in_pretraining_it_goes_on_with_the_layer_it_was_at(digits, tmp_path, monkeypatch):
    images = digits[0][:256]
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, _ = training.fit(recipe(), images, tmp_path / "whole")
    trained, end = [], training.Checkpoint.on_epoch_end

    def counted(self, epoch, logs=None):
        end(self, epoch, logs)
        trained.append(self.path.parent.name)
        if len(trained) == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.Checkpoint, "on_epoch_end", counted)
    with pytest.raises(KeyboardInterrupt):
        training.fit(recipe(), images, tmp_path / "killed")
    resumed, _ = training.fit(recipe(), images, tmp_path / "killed")
    assert trained == ["layer1"] * 6 + ["layer2"] * 6 + ["layer3"] * 6 + ["killed"]
    assert all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True))


def test_what_cannot_be_stacked_is_one_clear_error(digits, tmp_path):
    with pytest.raises(zoo.ZooError, match="layer-wise pretraining requires a dense code"):
        started(tmp_path, digits[0][:64], recipe(model=dict(variant="vae", input_shape=(8, 8, 1), latent_dim=3, hidden=(8,))))
