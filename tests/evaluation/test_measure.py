"""Metrics by name: each its definition, repeatable from what was recorded, and refused where it says nothing."""

import inspect
import json
import re

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA
from tiny import tiny

import zoo
from zoo.evaluation import probes
from zoo.evaluation.measurement import check, measure, names, repeat
from zoo.evaluation.pca import pca_mse
from zoo.evaluation.probes import knn_probe, linear_probe
from zoo.evaluation.reconstruction import reconstruction_metrics, unclipped_mse
from zoo.modalities.image import unit_array


@pytest.fixture(scope="module")
def arrays(digits):
    images, labels = digits
    return images[:200], labels[:200], images[200:300], labels[200:300]


@pytest.fixture(scope="module")
def dataset(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays)))
    return str(path)


@pytest.fixture(scope="module")
def model():
    """A linear model whose outputs go far beyond 0..1."""
    built = zoo.create("ae", "mlp", input_shape=(8, 8, 1), hidden=(), latent_dim=3)
    weights = np.random.default_rng(0)
    for variable in built.trainable_variables:
        variable.assign(weights.normal(0, 0.3, variable.shape))
    return built


def linear(model, images):
    """Its outputs, computed by hand."""
    (w, b), (v, c) = (layer.get_weights() for layer in (model.bottleneck.dense, model.decoder.backbone.stages[0]))
    return ((images.reshape(len(images), -1) / 255.0 @ w + b) @ v + c).reshape(images.shape)


def test_results_say_what_was_measured(model, dataset):
    lines = []
    results = measure(model, ["mse", "psnr", {"metric": "pca_mse", "clip": False}], dataset, progress=lines.append)
    assert list(results) == ["mse", "psnr", "pca_mse"] and [line.split()[0] for line in lines] == ["mse", "psnr", "pca_mse"]
    for result in results.values():
        assert result["split"] == "test" and result["n"] == 100 and result["seed"] == 0
        assert result["protocol"] and result["tolerance"] > 0
        assert result["value"] == float(f"{result['value']:.6g}")
    assert results["pca_mse"]["parameters"] == {"clip": False} and results["mse"]["parameters"] == {}
    json.dumps(results, allow_nan=False)


def test_mse_is_of_the_clipped_images_and_mse_unclipped_of_the_outputs(model, dataset, arrays):
    images = arrays[2]
    outputs = linear(model, images)
    assert outputs.min() < -0.5 and outputs.max() > 1.5
    results = measure(model, ["mse", "mse_unclipped"], dataset, progress=None)
    assert results["mse"]["value"] == pytest.approx(np.mean((images / 255 - np.clip(outputs, 0, 1)) ** 2), rel=1e-4)
    assert results["mse_unclipped"]["value"] == pytest.approx(np.mean((images / 255 - outputs) ** 2), rel=1e-4)
    assert "before clipping" in results["mse_unclipped"]["protocol"]


def test_mse_unclipped_takes_many_images_of_either_kind(model):
    images = np.random.default_rng(1).integers(0, 256, (1100, 8, 8, 1)).astype("uint8")
    wanted = np.mean((images / 255 - linear(model, images)) ** 2)
    assert unclipped_mse(model, images) == pytest.approx(wanted, rel=1e-4)
    assert unclipped_mse(model, (images / 255).astype("float32")) == pytest.approx(wanted, rel=1e-4)
    with pytest.raises(zoo.ZooError, match="floats from"):
        unclipped_mse(model, images.astype("float32"))


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "gaussian"])
def test_mse_unclipped_is_for_losses_whose_images_are_clipped_outputs(loss, images):
    model = tiny("ae_mlp", loss=loss)
    assert unclipped_mse(model, images) >= reconstruction_metrics(model, images)["mse"]


@pytest.mark.parametrize("loss", ["bce", "bernoulli", "logistic_mixture"])
def test_mse_unclipped_is_refused_where_outputs_are_no_images(loss, dataset):
    with pytest.raises(
        zoo.ZooError, match=f"requires a decoder whose outputs are images.*got the loss '{loss}'; measure mse instead"
    ):
        measure(tiny("ae_mlp", loss=loss), ["mse_unclipped"], dataset, progress=None)


def test_vectors_are_not_clipped_at_all():
    model = zoo.create("ae", "mlp", input_shape=(9,), hidden=(), latent_dim=2)
    rows = np.random.default_rng(0).normal(0, 3, (50, 9)).astype("float32")
    assert unclipped_mse(model, rows) == pytest.approx(reconstruction_metrics(model, rows)["mse"], rel=1e-6)


def test_pca_mse_says_and_does_whether_it_clips(model, dataset, arrays):
    train, _, test, _ = (a.reshape(len(a), -1) / 255 if a.ndim == 4 else a for a in arrays)
    theirs = PCA(3).fit(train)
    made = theirs.inverse_transform(theirs.transform(test))
    wanted = {True: np.mean((test - np.clip(made, 0, 1)) ** 2), False: np.mean((test - made) ** 2)}
    assert wanted[True] < wanted[False]
    for clip, words in (
        (True, "PCA with 3 components.*reconstructions clipped to 0..1$"),
        (False, "reconstructions not clipped$"),
    ):
        result = measure(model, [{"metric": "pca_mse", "clip": clip}], dataset, progress=None)["pca_mse"]
        assert result["value"] == pytest.approx(wanted[clip], rel=1e-5)
        assert re.search(words, result["protocol"])
        assert pca_mse(arrays[0], arrays[2], 3, clip=clip) == pytest.approx(wanted[clip], rel=1e-9)
    plain = measure(model, ["pca_mse"], dataset, progress=None)["pca_mse"]
    assert plain["value"] == pytest.approx(wanted[True], rel=1e-5) and plain["parameters"] == {"clip": True}


def test_pcas_best_is_the_best_without_clipping(dataset, arrays):
    """Of all linear maps PCA's has the least unclipped error on what it was fitted to."""
    model = zoo.create("linear", input_shape=(8, 8, 1), latent_dim=3)
    assert pca_mse(arrays[0], arrays[0], 3, clip=False) < unclipped_mse(model, arrays[0])
    assert inspect.signature(pca_mse).parameters["clip"].default is True


def test_repeat_gives_the_same_numbers(dataset):
    model = tiny("vae_mlp", loss="bernoulli")
    drawn = [{"metric": "elbo", "k": 3, "n": 50}, {"metric": "nll", "k": 4, "n": 20}]
    asked = ["mse", *drawn, "linear_error", "knn_accuracy", "pca_mse"]
    first = measure(model, asked, dataset, seed=5, progress=None)
    assert repeat(model, first, dataset, progress=None) == first
    other = measure(model, asked, dataset, seed=6, progress=None)
    assert other["elbo"]["value"] != first["elbo"]["value"] and other["mse"]["value"] == first["mse"]["value"]
    # Recorded before a metric had the parameter: its default then is its default now.
    old = {"pca_mse": {**first["pca_mse"], "parameters": {}}}
    assert repeat(model, old, dataset, progress=None)["pca_mse"]["value"] == first["pca_mse"]["value"]


def test_the_best_layer_is_recorded_and_repeated(dataset):
    model = tiny("ae_mlp")
    first = measure(model, [{"metric": "linear_accuracy", "layer": "best"}], dataset, progress=None)
    assert first["linear_accuracy"]["parameters"]["layer"] in model.encoder.feature_layers
    assert repeat(model, first, dataset, progress=None) == first


def test_probes_see_the_features_they_name(dataset):
    keras.utils.set_random_seed(0)
    asked = ["knn_error", "knn_accuracy", "linear_error", "linear_accuracy"]
    results = measure(tiny("ae_mlp", latent_dim=16), asked, dataset, progress=None)
    for kind in ("knn", "linear"):
        assert results[f"{kind}_error"]["value"] + results[f"{kind}_accuracy"]["value"] == pytest.approx(1)
        assert results[f"{kind}_accuracy"]["value"] > 0.5


def test_a_finetuned_encoder_beats_a_frozen_one_and_is_left_as_it_was(dataset):
    keras.utils.set_random_seed(0)
    model = tiny("ae_mlp", latent_dim=6, hidden=(64,))
    before = [np.array(w) for w in model.get_weights()]
    whole = {"metric": "finetuned_error", "epochs": 12, "batch_size": 32, "learning_rate": 5e-3, "transforms": []}
    results = measure(model, [whole, {**whole, "metric": "finetuned_accuracy"}, "linear_error"], dataset, progress=None)
    assert results["finetuned_error"]["value"] < 0.8 * results["linear_error"]["value"]
    assert results["finetuned_error"]["value"] == pytest.approx(1 - results["finetuned_accuracy"]["value"])
    assert results["finetuned_error"]["parameters"]["epochs"] == 12 and "12 epochs" in results["finetuned_error"]["protocol"]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


@pytest.mark.parametrize(
    "asked, message",
    [
        (["mze"], "no metric 'mze'.*Did you mean 'mse'"),
        ([{"n": 3}], "no metric None"),
        (["mse", {"metric": "mse"}], "'mse' twice"),
        ([{"metric": "pca_mse", "clipp": True}], "no parameter 'clipp'; its parameters are clip.*Did you mean 'clip'"),
        ([{"metric": "mse", "n": 3}], "'mse' has no parameter 'n'; it has no parameters"),
    ],
)
def test_what_is_asked_wrongly_is_refused_before_anything_is_loaded(asked, message, model):
    for act in (lambda: check(asked), lambda: measure(model, asked, "no-such-file.npz")):
        with pytest.raises(zoo.ZooError, match=message):
            act()


def test_what_the_data_set_forbids_is_said_before_a_training():
    for metric in ("frechet_distance", "mig"):
        check([metric])
        with pytest.raises(zoo.ZooError, match="photos"):
            check([metric], "photos.npy")
    check(["frechet_distance"], "mnist")
    check([{"metric": "frechet_distance", "encoder": "ae_conv.mnist"}], "photos.npy")


def test_a_missing_package_is_said_before_a_training(monkeypatch):
    check(["sap"])
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(zoo.ZooError, match=r"requires the package sklearn; install it: pip install 'autoencoder-zoo\[sklearn\]'"):
        check(["sap"])
    check(["mig"])


@pytest.mark.parametrize(
    "metric, message",
    [
        ("ssim", "ssim does not apply to inputs of shape"),
        ("bits_per_dim", "likelihood of 256 levels"),
        ({"metric": "elbo", "n": 101}, "n=101, expected between 1 and the 100 images"),
        ({"metric": "linear_error", "layer": "hidden7"}, "no feature layer 'hidden7'"),
    ],
)
def test_what_does_not_apply_is_one_clear_error(metric, message, dataset):
    with pytest.raises(zoo.ZooError, match=message):
        measure(tiny("vae_mlp"), [metric], dataset, progress=None)


def test_one_split_is_not_held_against_itself(model, arrays, tmp_path):
    np.save(tmp_path / "all.npy", arrays[0])
    measure(model, ["mse", "mse_unclipped"], str(tmp_path / "all.npy"), progress=None)
    with pytest.raises(zoo.ZooError, match="has a single split"):
        measure(model, ["pca_mse"], str(tmp_path / "all.npy"), progress=None)
    np.savez(tmp_path / "bare.npz", x_train=arrays[0], x_test=arrays[2])
    with pytest.raises(zoo.ZooError, match="no labels"):
        measure(model, ["knn_error"], str(tmp_path / "bare.npz"), progress=None)


def test_every_metric_has_a_name_that_is_refused_or_measured():
    assert {"mse", "mse_unclipped", "pca_mse", "linear_error", "nll"} < set(names())
    assert [name for name, _ in check(names())] == names()


def test_probes_are_measured_beside_their_baselines(dataset, arrays, eagerly, monkeypatch):
    train, train_y, test, test_y = arrays
    model, fresh = tiny("ae_mlp"), tiny("ae_mlp")
    asked = []

    def untrained(images):
        asked.append(len(images))
        return fresh

    computed, plain = [], probes.probe_features
    monkeypatch.setattr(probes, "probe_features", lambda of, images, *how: computed.append(of) or plain(of, images, *how))
    results = measure(model, ["linear_error", "knn_error"], dataset, progress=None, untrained=untrained)
    assert asked == [len(train)]  # made once for both
    assert computed.count(fresh) == computed.count(model) == 2  # the features of either split, too
    flat = [unit_array(images).reshape(len(images), -1) for images in (train, test)]
    pca = PCA(4).fit(flat[0])
    wanted = {
        "raw input": flat,
        "PCA": [pca.transform(x).astype(np.float32) for x in flat],
        "untrained": [fresh.encode(images) for images in (train, test)],
    }
    for metric, probe in (("linear_error", linear_probe), ("knn_error", knn_probe)):
        assert list(results[metric]["baselines"]) == list(wanted) and results[metric]["features"] == 4
        for name, (x, test_x) in wanted.items():
            # Components have a sign of their own, and a border case may fall on either side.
            assert results[metric]["baselines"][name] == pytest.approx(probe(x, train_y, test_x, test_y)["error"], abs=0.011)
    assert repeat(model, results, dataset, progress=None, untrained=untrained) == results
    without = measure(model, ["knn_accuracy"], dataset, progress=None)["knn_accuracy"]
    assert list(without["baselines"]) == ["raw input", "PCA"]


def test_pca_of_more_features_than_the_input_has_numbers_is_all_of_it(dataset):
    model = tiny("ae_mlp", latent_dim=100)
    found = measure(model, ["knn_error"], dataset, progress=None)["knn_error"]
    assert found["features"] == 100 and found["baselines"].keys() == {"raw input", "PCA"}


def test_the_figure_by_adam_is_optional_and_of_the_same_sense(dataset):
    model = tiny("ae_mlp")
    asked = [{"metric": "linear_error", "adam_epochs": 2}]
    found = measure(model, asked, dataset, progress=None)["linear_error"]
    assert 0 < found["value"] <= found["adam"] <= 1 and "2 epochs of Adam" in found["protocol"]
    assert "adam" not in measure(model, ["linear_error"], dataset, progress=None)["linear_error"]
