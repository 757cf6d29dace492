"""The scikit-learn estimators: that library's own checks on flat vectors, pipelines, and images."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.sklearn import AutoencoderFeatures, AutoencoderOutlierDetector

SHORT = dict(epochs=1, random_state=0)


@pytest.mark.slow
@parametrize_with_checks([AutoencoderFeatures(**SHORT), AutoencoderOutlierDetector(**SHORT)])
def test_scikit_learns_own_checks(estimator, check, eagerly):
    check(estimator)


def test_a_pipeline_on_vectors_of_any_range(digits):
    x, y = digits[0].reshape(-1, 64) * 1e3 - 5e4, digits[1]
    options = {"latent_dim": 16, "hidden": (64,)}
    features = AutoencoderFeatures("ae", options=options, epochs=30, learning_rate=3e-3, random_state=0)
    pipeline = make_pipeline(features, LogisticRegression(max_iter=500)).fit(x[:1400], y[:1400])
    assert pipeline.score(x[1400:], y[1400:]) > 0.8
    assert features.loss_curve_[-1] < 0.5 * features.loss_curve_[0]
    assert list(features.get_feature_names_out())[:2] == ["autoencoderfeatures0", "autoencoderfeatures1"]
    again = clone(features).fit(x[:1400])
    np.testing.assert_allclose(again.transform(x[:9]), features.transform(x[:9]), rtol=1e-4, atol=1e-5)


def test_the_draws_of_others_go_on(digits):
    x = digits[0][:40].reshape(-1, 64).astype(float)
    np.random.seed(3)
    expected = np.random.rand(2)
    np.random.seed(3)
    first = np.random.rand()
    AutoencoderFeatures(**SHORT).fit(x)
    assert [first, np.random.rand()] == list(expected)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["reconstruction", "combined"])
def test_outliers_among_vectors(digits, by):
    x, y = digits[0].reshape(-1, 64).astype(float), digits[1]
    zeros, others = x[y == 0], x[y != 0]
    detector = AutoencoderOutlierDetector(by=by, epochs=60, batch_size=16, contamination=0.05, random_state=0).fit(zeros[:120])
    assert np.mean(detector.predict(zeros[:120]) == -1) == pytest.approx(0.05, abs=0.01)
    rest = np.concatenate([zeros[120:], others])
    assert roc_auc_score(np.arange(len(rest)) < len(zeros) - 120, detector.score_samples(rest)) > 0.95
    copied = pickle.loads(pickle.dumps(detector))
    np.testing.assert_allclose(copied.score_samples(rest[:20]), detector.score_samples(rest[:20]), rtol=1e-5)


@pytest.mark.parametrize("variant", ["linear", "vae"])
def test_variants_on_vectors(variant):
    """Where the loss is not given, it is one of numbers of any size; a row's score is its own, whatever rows are beside it."""
    x = np.random.default_rng(0).normal(7, 20, (60, 5))
    detector = AutoencoderOutlierDetector(variant, options={"latent_dim": 2}, by="reconstruction", **SHORT).fit(x)
    assert detector.model_.config.get("loss") in (None, "gaussian")
    np.testing.assert_allclose(detector.score_samples(x[:3]), detector.score_samples(x)[:3], rtol=1e-5)


def test_a_pretrained_model_on_images_flat_and_not(images, tmp_path):
    model = tiny("ae_conv")
    zoo.save(model, tmp_path / "ae")
    features = AutoencoderFeatures(str(tmp_path / "ae"), layer="stage1", pool="mean").fit(images)
    expected = np.asarray(model.encoder.at("stage1", "mean")(images))
    np.testing.assert_allclose(features.transform(images), expected, rtol=1e-4, atol=1e-6)
    flat = AutoencoderFeatures(model, layer="stage1", pool="mean").fit(images.reshape(40, -1))
    np.testing.assert_allclose(flat.transform(images.reshape(40, -1) / 255.0), expected, rtol=1e-4, atol=1e-5)
    assert flat.model_ is model, "a pretrained model stays as it is"
    detector = AutoencoderOutlierDetector(model, contamination=0.2).fit(images)
    assert np.sum(detector.predict(images) == -1) == 8
    for copied in (clone(flat), pickle.loads(pickle.dumps(flat))):
        np.testing.assert_array_equal(copied.fit(images).transform(images), features.transform(images))
        assert copied.model is not model


def test_the_random_state_decides_likelihoods(images):
    model = tiny("vae_mlp")
    scores = [
        AutoencoderOutlierDetector(model, by="likelihood", random_state=state).fit(images).score_samples(images[:4])
        for state in (0, 0, 1)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.all(scores[0] != scores[2])


def test_a_variant_is_trained_on_images(images):
    options = {"filters": (4, 8), "latent_dim": 3}
    features = AutoencoderFeatures("vae", backbone="conv", image_shape=images.shape[1:], options=options, **SHORT)
    assert features.fit_transform(images).shape == (40, 3)


def test_what_does_not_fit_is_refused(images):
    with pytest.raises(ZooError, match=r"expected images of shape \(8, 8, 1\), or flattened: 64 numbers"):
        AutoencoderFeatures(tiny("ae_conv")).fit(np.zeros((4, 63)))
    with pytest.raises(ZooError, match="0..1"):
        AutoencoderFeatures(tiny("ae_conv")).fit(images.astype(float)).transform(images.astype(float))
    for contamination in (0.7, 0, "much", None):
        with pytest.raises(ZooError, match=f"contamination={contamination!r}, expected a fraction .* or 'auto'"):
            AutoencoderOutlierDetector(contamination=contamination).fit(np.eye(9))


def test_an_automatic_threshold_finds_what_stands_out(images):
    model = tiny("ae_conv")
    detector = AutoencoderOutlierDetector(model, by="reconstruction", contamination="auto").fit(images)
    scores = detector.score_samples(images)
    deviation = 1.4826 * np.median(np.abs(scores - np.median(scores)))
    assert detector.offset_ == pytest.approx(np.median(scores) - 3 * deviation, rel=1e-3)
    np.testing.assert_array_equal(detector.predict(images) == -1, scores < detector.offset_)


def test_threads_train_by_their_own_seeds():
    rows = np.random.default_rng(0).normal(size=(30, 4))

    def train(seed):
        made = AutoencoderFeatures("dae", options=dict(latent_dim=2, hidden=(4,)), epochs=1, random_state=seed)
        return made.fit(rows).transform(rows)

    alone = [train(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(train, range(3)))
    for one, other in zip(alone, together):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ZooError, match="epochs=-1"):
        AutoencoderFeatures(epochs=-1).fit(np.eye(9))
    with pytest.raises(ZooError, match="Did you mean 'vae'"):
        AutoencoderFeatures("vaee").fit(np.eye(9))
