"""Anomaly scores: what each is, how they are put on one scale, and that anomalous images get the higher ones."""

import keras
import numpy as np
import pytest
from tiny import tiny

from zoo.anomaly import AnomalyDetector, distance
from zoo.errors import ZooError
from zoo.evaluation.likelihood import log_likelihood


@pytest.fixture(scope="module")
def trained(digits):
    """A variational autoencoder that has seen no digit but zeros, and zeros and ones that it has not seen."""
    x, y = digits
    keras.utils.set_random_seed(0)
    model = tiny("vae_mlp", hidden=(64,), latent_dim=8)
    zeros, ones = x[y == 0], x[y == 1]
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(zeros[:120], epochs=60, batch_size=24, verbose=0)
    return model, zeros[:120], zeros[120:], ones


@pytest.mark.slow
@pytest.mark.parametrize("by", ["reconstruction", "likelihood", "knn", "combined"])
def test_anomalous_images_score_higher(trained, by):
    model, normal, fresh, anomalous = trained
    scores = [model.anomaly_score(x, by=by, normal=normal) for x in (fresh, anomalous)]
    assert [s.shape for s in scores] == [(len(fresh),), (len(anomalous),)]
    ranks = np.mean(scores[0][:, None] < scores[1])
    assert ranks > 0.95, f"{ranks:.3f} of the pairs are in order"


def test_distance_to_neighbours_is_that_of_a_plain_search():
    rng = np.random.default_rng(0)
    # Far from the origin, where squares cancel.
    bank, x = (rng.normal(100, 1, (n, 5)).astype(np.float32) for n in (40, 7))
    every = np.sort(np.linalg.norm(x[:, None] - bank[None], axis=2), axis=1)
    np.testing.assert_allclose(distance(x, bank, 3, block=4), every[:, :3].mean(axis=1), rtol=1e-6)
    every = np.sort(np.linalg.norm(bank[:, None] - bank[None], axis=2), axis=1)
    np.testing.assert_allclose(distance(bank, bank, 3, itself=True), every[:, 1:4].mean(axis=1), rtol=1e-6)


def test_neighbours_do_not_depend_on_the_units_of_features(trained, monkeypatch):
    model, normal, fresh, _ = trained
    plain = AnomalyDetector(model, "knn").fit(normal).score(fresh)
    units = np.linspace(1, 100, 8)
    monkeypatch.setattr("zoo.anomaly.detector.probe_features", lambda model, x, *a: model.encode(x) * units)
    np.testing.assert_allclose(AnomalyDetector(model, "knn").fit(normal).score(fresh), plain, rtol=1e-4)


def test_directions_alone_do_not_depend_on_the_strength_of_features(trained, monkeypatch):
    model, normal, fresh, _ = trained
    strength = np.linspace(1, 9, len(fresh))[:, None]

    def both(metric):
        detector = AnomalyDetector(model, "knn", metric=metric).fit(normal)
        plain = detector.score(fresh)
        with monkeypatch.context() as patch:
            patch.setattr("zoo.anomaly.detector.probe_features", lambda model, x, *a: model.encode(x) * strength)
            return plain, detector.score(fresh)

    np.testing.assert_allclose(*both("cosine"), rtol=1e-4)
    plain, strong = both("euclidean")
    assert np.abs(plain - strong).max() > 0.1
    with pytest.raises(ZooError, match="Did you mean 'cosine'"):
        AnomalyDetector(model, "knn", metric="cosin")


def test_combined_is_the_mean_of_calibrated_scores(trained):
    model, normal, fresh, _ = trained
    detector = AnomalyDetector(model).fit(normal)
    assert detector.names == ("reconstruction", "likelihood", "knn")
    assert abs(np.median(detector.score(normal))) < 1, "normal images lie about zero"

    def calibrated(score, usual):
        middle = np.median(usual)
        return (score - middle) / (1.4826 * np.median(np.abs(usual - middle)))

    likelihood = [-log_likelihood(model, x, 100, 0, comparable=True) for x in (fresh, normal)]
    bank = model.encode(normal)
    unit = bank.std(axis=0)
    neighbours = [distance(model.encode(fresh) / unit, bank / unit, 5), distance(bank / unit, bank / unit, 5, itself=True)]
    errors = [model.reconstruction_error(x) for x in (fresh, normal)]
    expected = np.mean([calibrated(*pair) for pair in (errors, likelihood, neighbours)], axis=0)
    np.testing.assert_allclose(detector.score(fresh), expected, rtol=1e-3, atol=1e-3)


def test_the_likelihood_of_an_image_is_its_own(trained):
    """Neither its place nor what stands beside it decides: all meet the same draws, those of the binarization too."""
    model, _, fresh, _ = trained
    scores = model.anomaly_score(fresh, by="likelihood")
    np.testing.assert_array_equal(model.anomaly_score(fresh[::-1], by="likelihood"), scores[::-1])
    np.testing.assert_array_equal(model.anomaly_score(fresh[3:5], by="likelihood"), scores[3:5])
    others = AnomalyDetector(model, "likelihood", seed=1).score(fresh)
    assert np.all(others != scores) and np.corrcoef(others, scores)[0, 1] > 0.9


def test_without_a_likelihood_the_rest_is_combined(images):
    assert AnomalyDetector(tiny("ae_mlp")).names == ("reconstruction", "knn")
    score = tiny("ae_mlp").anomaly_score(images[:5], by="combined", normal=images)
    assert np.isfinite(score).all()


def test_constant_features_and_equal_scores_are_no_division_by_zero():
    model, black = tiny("ae_mlp"), np.zeros((12, 8, 8, 1), np.uint8)
    assert np.isfinite(AnomalyDetector(model).fit(black).score(black)).all()


def test_bad_detectors_are_refused(images):
    model = tiny("ae_mlp")
    with pytest.raises(ZooError, match="no anomaly score 'kn'. Did you mean 'knn'"):
        model.anomaly_score(images, by="kn")
    with pytest.raises(ZooError, match="requires normal images; give them as normal="):
        model.anomaly_score(images, by="knn")
    with pytest.raises(ZooError, match="call fit with some first"):
        AnomalyDetector(model, "knn").score(images)
    with pytest.raises(ZooError, match="got 5 normal images, expected more than neighbours=5"):
        AnomalyDetector(model).fit(images[:5])
    with pytest.raises(ZooError, match="neighbours=0"):
        AnomalyDetector(model, neighbours=0)
    with pytest.raises(ZooError, match="does not define a likelihood"):
        tiny("ae_mlp", loss="mae").anomaly_score(images, by="likelihood")
