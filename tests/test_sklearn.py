"""The scikit-learn estimators: that library's own checks on flat vectors, pipelines, and images."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks
from tiny import tiny

import zoo
from zoo.errors import ZooError
from zoo.sklearn import AutoencoderFeatures, AutoencoderOutlierDetector, load_detector

SHORT = dict(epochs=1, random_state=0)


@pytest.mark.slow
@parametrize_with_checks(
    [AutoencoderFeatures(**SHORT), AutoencoderOutlierDetector(**SHORT), AutoencoderOutlierDetector("ae", **SHORT)]
)
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
    detector = AutoencoderOutlierDetector("ae", by=by, epochs=60, batch_size=16, contamination=0.05, random_state=0)
    detector.fit(zeros[:120])
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


@pytest.fixture(scope="module")
def of_a_table():
    """A detector of a table, and its rows as a data frame."""
    x = np.random.default_rng(0).normal(size=(90, 4))
    x[:, 3] = x[:, 0] + 0.1 * x[:, 3]
    frame = pd.DataFrame(x, columns=["width", "height", "weight", "sum"])
    return AutoencoderOutlierDetector(epochs=150, random_state=0, contamination=0.1).fit(frame), frame


def test_a_detector_of_tables(of_a_table):
    detector, frame = of_a_table
    assert np.sum(detector.predict(frame) == -1) == 9
    odd = frame.iloc[:5].assign(sum=lambda rows: rows["sum"] + 3)
    assert np.all(detector.score_samples(odd) < detector.score_samples(frame.iloc[:5]))
    reasons = detector.explain(odd)
    assert list(reasons.columns) == list(frame.columns) and reasons.index.equals(odd.index)
    # Either of the two that no longer agree.
    assert set(reasons.idxmax(axis=1)) <= {"width", "sum"}
    gaps = frame.copy()
    gaps.iloc[:, 1] = np.nan
    assert np.isfinite(detector.score_samples(gaps)).all()


def test_a_detector_elsewhere_scores_the_same(of_a_table, tmp_path):
    detector, frame = of_a_table
    expected = detector.score_samples(frame)
    detector.save(tmp_path / "detector")
    detector.save(tmp_path / "detector")
    for other in (load_detector(tmp_path / "detector"), pickle.loads(pickle.dumps(detector))):
        np.testing.assert_array_equal(other.score_samples(frame), expected)
        np.testing.assert_array_equal(other.predict(frame), detector.predict(frame))
        assert other.get_params() == detector.get_params()
        with pytest.raises(ValueError, match="feature names"):
            other.score_samples(frame.rename(columns={"sum": "total"}))
    (tmp_path / "detector" / "detector.json").write_text("{}")
    with pytest.raises(ZooError, match="is not a saved detector"):
        load_detector(tmp_path / "detector")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo").touch()
    with pytest.raises(ZooError, match="is not a saved detector; choose another path"):
        detector.save(tmp_path / "mine")


def test_an_exported_detector_scores_the_same(of_a_table, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    detector, frame = of_a_table
    detector.export(tmp_path / "detector.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "detector.onnx"))
    scores = session.run(None, {"rows": frame.to_numpy(np.float32)})[0]
    np.testing.assert_allclose(-scores, detector.score_samples(frame), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_detectors_in_the_tools_of_scikit_learn(of_a_table):
    """Columns of words by a ColumnTransformer, searches and cross-validation, and data frames of the features."""
    _, frame = of_a_table
    frame = frame.assign(city=np.where(frame["width"] > 0, "Ulm", "Bonn"))
    columns = ColumnTransformer([("city", OneHotEncoder(sparse_output=False), ["city"])], remainder="passthrough")
    short = AutoencoderOutlierDetector(epochs=2, random_state=0)
    pipeline = make_pipeline(columns, short).fit(frame)
    assert set(pipeline.predict(frame)) == {-1, 1}
    labels = np.where(np.arange(len(frame)) % 10 == 0, -1, 1)  # in both halves
    searched = GridSearchCV(pipeline, {"autoencoderoutlierdetector__contamination": [0.05, 0.2]}, scoring="accuracy", cv=2)
    assert searched.fit(frame, labels).best_params_["autoencoderoutlierdetector__contamination"] in (0.05, 0.2)
    found = cross_val_score(clone(short), frame[["width", "sum"]], labels, cv=2, scoring=_auroc)
    assert found.shape == (2,) and np.all((found >= 0) & (found <= 1))
    features = AutoencoderFeatures(options={"latent_dim": 2}, **SHORT).set_output(transform="pandas")
    made = features.fit_transform(frame[["width", "sum"]])
    assert list(made.columns) == ["autoencoderfeatures0", "autoencoderfeatures1"] and made.index.equals(frame.index)


def _auroc(detector, rows, labels):
    return roc_auc_score(labels, detector.score_samples(rows))


def test_only_tables_are_explained_saved_and_exported(images, tmp_path):
    detector = AutoencoderOutlierDetector(tiny("ae_conv")).fit(images)
    for call in (detector.explain, lambda x: detector.save(tmp_path / "d"), lambda x: detector.export(tmp_path / "d.onnx")):
        with pytest.raises(ZooError, match="ae_conv"):
            call(images)


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
