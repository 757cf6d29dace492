"""The Fréchet distance: zero, closed forms, noise; and as a metric that names who looked."""

import keras
import numpy as np
import pytest
from tiny import tiny

import zoo
from zoo.evaluation import frechet
from zoo.evaluation.frechet import encoder_features, frechet_distance, inception_features
from zoo.evaluation.measurement import measure, repeat


def whitened(n, d, seed):
    """Rows whose sample mean is exactly zero and whose sample covariance is the identity."""
    x = np.random.default_rng(seed).normal(size=(n, d))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T


def test_zero_for_equal_sets_even_of_few_rows():
    x = np.random.default_rng(0).normal(size=(10, 40)) * 100
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-6)


def test_closed_form_of_commuting_gaussians():
    """||m - n||² + Σ (√a - √b)² for diagonal covariances."""
    m, n = np.array([1.0, 0.0, -2.0]), np.array([0.0, 0.5, 1.0])
    a, b = np.array([4.0, 1.0, 0.25]), np.array([1.0, 9.0, 0.0])
    x, y = whitened(50, 3, 0) * np.sqrt(a) + m, whitened(70, 3, 1) * np.sqrt(b) + n
    expected = np.square(m - n).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-9)


def test_agrees_with_scipy_on_covariances_that_do_not_commute():
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)) for _ in range(2))
    a, b = np.cov(x.T), np.cov(y.T)
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-8)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(zoo.ZooError, match="two rows or more"):
        frechet_distance(np.ones((1, 3)), np.ones((5, 3)))
    with pytest.raises(zoo.ZooError, match="of shapes"):
        frechet_distance(np.ones((5, 3)), np.ones((5, 4)))
    with pytest.raises(zoo.ZooError, match="NaN"):
        frechet_distance(np.full((5, 3), np.nan), np.ones((5, 3)))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A folder with an encoder of 8 x 8 images."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("encoder") / "ae"
    zoo.save(tiny("ae_conv"), path)
    return str(path)


@pytest.fixture(scope="module")
def dataset(digits, tmp_path_factory):
    images, labels = digits
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=images[:300], y_train=labels[:300], x_test=images[300:500], y_test=labels[300:500])
    return str(path)


def test_grows_with_noise(encoder, digits):
    images, rng = digits[0][:400] / 255, np.random.default_rng(0)
    features = encoder_features(encoder, "stage2", "mean")
    clean = features(images)
    noisy = [np.clip(images + rng.normal(0, level, images.shape), 0, 1) for level in (0.0, 0.05, 0.2, 0.5)]
    distances = [frechet_distance(features(x), clean) for x in noisy]
    assert distances[0] < 1e-6 and np.all(np.diff(distances) > 0)


def test_the_metric_names_its_encoder_and_repeats(encoder, dataset):
    keras.utils.set_random_seed(1)
    model = tiny("vae_mlp")
    asked = {"metric": "frechet_distance", "encoder": encoder, "layer": "stage2", "pool": "mean", "n": 150}
    results = measure(model, [asked], dataset, progress=None)
    result = results["frechet_distance"]
    assert encoder in result["protocol"] and "stage2, pool mean" in result["protocol"] and "150 samples" in result["protocol"]
    assert result["n"] == 200 and result["parameters"] == {k: v for k, v in asked.items() if k != "metric"}
    assert 0 < result["floor"] < result["value"], "an untrained model's samples are further away than training images"
    assert repeat(model, results, dataset, progress=None)["frechet_distance"] == result


def test_other_data_need_an_encoder_of_their_shape(dataset):
    model = tiny("vae_mlp")
    with pytest.raises(zoo.ZooError, match="no default encoder"):
        measure(model, ["frechet_distance"], dataset, progress=None)
    with pytest.raises(zoo.ZooError, match="takes images of shape"):
        measure(model, [{"metric": "frechet_distance", "encoder": "ae_conv.mnist"}], dataset, progress=None)


def test_the_default_encoders_are_known_sets_with_these_depths():
    for name, layer, pool in frechet.ENCODERS.values():
        model = zoo.load(name)
        x = np.zeros((1, *model.data_shape), np.float32)
        assert 16 <= encoder_features(name, layer, pool)(x).shape[1] <= 512


def test_fid_downloads_nothing(tmp_path, monkeypatch, dataset):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(zoo.ZooError, match="does not download"):
        measure(tiny("vae_mlp"), ["fid"], dataset, progress=None)
    path = tmp_path / "models" / "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path.parent.mkdir()
    path.write_bytes(b"something else")
    with pytest.raises(zoo.ZooError, match="does not match the hash that keras.applications expects"):
        inception_features()
