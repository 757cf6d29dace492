"""The detector of outliers in tables: each of its parts against a plain computation, and what it finds."""

import keras
import numpy as np
import pytest
from scipy.stats import norm

from zoo.detection.calibration import KNOTS, knots, rarity
from zoo.detection.detector import PARTS, TableDetector, distance, groups
from zoo.detection.network import ColumnNetwork, EnsembleDense
from zoo.detection.training import fit, moments, origins


def table(n=300, seed=0):
    """Rows whose columns 0 and 1 are nearly equal, and 2 and 3 independent."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 4))
    x[:, 1] = x[:, 0] + 0.1 * r.normal(size=n)
    return x * [1, 1, 1e3, 1] + [0, 0, 5e3, 0]


@pytest.fixture(scope="module")
def fitted():
    return fit(table(), seed=0, epochs=100)


def test_training_lowers_the_loss(fitted):
    _, curve = fitted
    assert np.mean(curve[-20:]) < np.mean(curve[:20]) - 0.5


def test_what_breaks_a_dependence_is_found_and_explained(fitted):
    detector, _ = fitted
    x = table(100, seed=1)
    broken = x.copy()
    # Each of the values is usual; only together they are not.
    broken[:, 1] = -np.sign(broken[:, 0]) * np.maximum(np.abs(broken[:, 0]), 0.5)
    scores = [detector.apply(detector.call, rows) for rows in (x, broken)]
    assert np.mean(scores[0][:, None] < scores[1]) > 0.95
    shares = detector.apply(detector.explanation, broken)
    assert shares.shape == (100, 4)
    assert np.mean(shares[:, :2].max(axis=1) > shares[:, 2:].max(axis=1)) > 0.95
    assert np.abs(np.median(detector.apply(detector.explanation, x), axis=0)).max() < 1, "usual columns are about zero"


def test_a_score_does_not_depend_on_the_other_rows(fitted):
    detector, _ = fitted
    x = table(50, seed=2)
    np.testing.assert_array_equal(detector.apply(detector.call, x)[:3], detector.apply(detector.call, x[:3]))


def test_the_score_is_the_mean_of_the_parts(fitted):
    detector, _ = fitted
    x = table(20, seed=3)
    parts = detector.apply(detector.rarities, x)
    assert parts.shape == (20, len(PARTS))
    np.testing.assert_allclose(detector.apply(detector.call, x), parts.mean(axis=1), rtol=1e-5)


def test_missing_values_are_skipped(fitted):
    detector, _ = fitted
    x = table(30, seed=4).astype(np.float32)
    x[:, 2] = np.nan
    assert np.isfinite(detector.apply(detector.call, x)).all()
    assert not detector.apply(detector.explanation, x)[:, 2].any()
    assert np.isfinite(detector.apply(detector.call, np.full((2, 4), np.nan, np.float32))).all()


@pytest.mark.parametrize("count", [1, 2, 40])
def test_distances_are_those_of_a_plain_search(count):
    rng = np.random.default_rng(0)
    # Far from the origin, where squares cancel.
    bank, x = (rng.normal(30, 1, (n, 5)).astype(np.float32) for n in (count, 7))
    every = np.sort(np.linalg.norm(x[:, None].astype(float) - bank[None], axis=2), axis=1)
    np.testing.assert_allclose(np.asarray(distance(x, bank)), every[:, : min(3, max(count - 1, 1))].mean(axis=1), rtol=1e-3)
    if count > 3:
        own = np.sort(np.linalg.norm(bank[:, None].astype(float) - bank[None], axis=2), axis=1)
        np.testing.assert_allclose(np.asarray(distance(bank, bank)), own[:, 1:4].mean(axis=1), rtol=1e-3)


def test_a_row_is_not_its_own_neighbour_but_its_duplicates_are():
    bank = np.array([[0.0, 0.0]] * 4 + [[3.0, 4.0]], np.float32)
    np.testing.assert_allclose(np.asarray(distance(bank, bank)), [0, 0, 0, 0, 5], atol=1e-6)


def test_rarity_is_minus_log_of_the_fraction_above():
    scores = np.random.default_rng(0).normal(size=20_000)
    x = np.array([-1.0, 0.0, 1.0, 2.0], np.float32)
    np.testing.assert_allclose(np.asarray(rarity(x, knots(scores))), -np.log(norm.sf(x)), rtol=0.08, atol=0.02)
    beyond = np.asarray(rarity(np.array([5.0, 50.0, 5e3, -50.0], np.float32), knots(scores)))
    assert np.all(np.diff(beyond[:3]) > 1) and beyond[2] < 20 and beyond[3] < 0, "more, but not without limit"


def test_equal_scores_are_no_division_by_zero():
    for constant in (0.0, 7.0, -1e6):
        curve = knots(np.full(10, constant))
        assert len(curve) == KNOTS and np.all(np.diff(curve) > 0)
        assert np.isfinite(np.asarray(rarity(np.array([constant, constant + 1], np.float32), curve))).all()


def test_groups_hide_every_column_equally_often():
    np.testing.assert_array_equal(groups(5), np.eye(5))
    masks = groups(1000)
    assert masks.shape == (40, 1000) and set(masks.sum(axis=0)) == {2}


def test_a_prediction_does_not_see_its_column(fitted):
    detector, _ = fitted
    x = table(5, seed=5).astype(np.float32)
    z, present = detector.standardized(x)
    other = np.asarray(z).copy()
    other[:, 2] += 1
    mask = np.asarray(present).copy()
    mask[:, 2] = 0
    first, second = (np.asarray(detector.network.code(rows, mask)) for rows in (z, other))
    np.testing.assert_array_equal(first, second)


def test_the_loss_is_that_of_its_formula():
    keras.utils.set_random_seed(0)
    network = ColumnNetwork(3, members=2, width=8)
    network.build()
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    surprise, error = (np.asarray(a) for a in network.surprise(x, np.ones_like(x)))
    predicted = np.asarray(network.prediction(network.code(x, np.ones_like(x))))
    mean, log_sigma = predicted[..., :3], np.clip(predicted[..., 3:], np.log(0.1), 3)
    np.testing.assert_allclose(surprise, -norm.logpdf(x, mean, np.exp(log_sigma)) - 0.5 * np.log(2 * np.pi), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(error, (mean - x) ** 2, rtol=1e-4, atol=1e-5)


def test_the_members_of_an_ensemble_are_independent():
    keras.utils.set_random_seed(0)
    layer = EnsembleDense(3, 4)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    out = np.asarray(layer(x))
    for member in range(3):
        np.testing.assert_allclose(out[member], x[member] @ np.asarray(layer.kernel)[member], rtol=1e-4, atol=1e-6)
    assert np.abs(np.diff(np.asarray(layer.kernel), axis=0)).max() > 0.1


def test_columns_constant_far_or_huge():
    x = np.random.default_rng(0).normal(size=(40, 4)) * [0, 1e-3, 1e30, 1] + [7, 1e9, 0, 0]
    x[:, 3] = np.nan
    moved = x - origins(x)
    assert np.abs(np.median(moved[:, 1])) < 1e-2 and origins(x)[0] == origins(x)[3] == 0
    mean, scale = moments(moved)
    assert scale[0] == 1 and np.isfinite(mean).all() and np.isfinite(scale).all()
    detector, _ = fit(moved, seed=0, epochs=1)
    assert np.isfinite(detector.apply(detector.call, moved)).all()


def test_many_columns():
    x = np.random.default_rng(0).normal(size=(20, 3000))
    detector, _ = fit(x, seed=0, epochs=1)
    assert detector.batch_size < 50 and np.isfinite(detector.apply(detector.call, x)).all()


def test_the_config_rebuilds_the_detector():
    made = TableDetector(3, 10, parts=("neighbours", "columns"))
    made.build()
    again = TableDetector.from_config(made.get_config())
    assert again.settings == made.settings and len(again.weights) == len(made.weights)
