"""Probes: as good as scikit-learn's, and true to their stated protocol."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zoo
from zoo.evaluation.probes import best_feature_layer, candidates, knn_probe, linear_probe, probe_features
from zoo.evaluation.softmax_regression import SoftmaxRegression, predict


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype("float32"), y[order]
    return x[:1200], y[:1200], x[1200:], y[1200:]


def standardized(digits):
    train_x, train_y, test_x, test_y = digits
    mean, deviation = train_x.mean(0), train_x.std(0)
    alive = deviation > 0
    return (train_x - mean)[:, alive] / deviation[alive], train_y, (test_x - mean)[:, alive] / deviation[alive], test_y


def test_linear_probe_is_the_pipeline_that_it_states(digits):
    train_x, train_y, test_x, test_y = digits
    result = linear_probe(*digits)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=result["C"], max_iter=5000, tol=1e-6)).fit(train_x, train_y)
    # As many are right, give or take one on the border between two classes.
    assert result["accuracy"] == pytest.approx(theirs.score(test_x, test_y), abs=1.5 / len(test_x))
    assert result["accuracy"] > 0.94
    assert result["error"] == pytest.approx(1 - result["accuracy"])
    assert result["features"] == standardized(digits)[0].shape[1] < train_x.shape[1]


def test_adam_falls_short_where_features_are_badly_conditioned(digits):
    train_x, train_y, test_x, test_y = digits
    result = linear_probe(*digits, adam_epochs=100)
    assert result["adam_accuracy"] == pytest.approx(result["accuracy"], abs=0.03)
    assert "adam_accuracy" not in linear_probe(*digits)
    # What tells the classes apart is a hundredth of what all features share.
    rng = np.random.default_rng(0)
    shared = [rng.standard_normal((len(x), 1)) for x in (train_x, test_x)]
    mixed = [(0.003 * x + common).astype(np.float32) for x, common in zip((train_x, test_x), shared)]
    ill = linear_probe(mixed[0], train_y, mixed[1], test_y, adam_epochs=2)
    assert ill["adam_accuracy"] < ill["accuracy"] - 0.1


@pytest.mark.parametrize("weight_decay", [1e-1, 1e-3])
def test_softmax_regression_finds_the_minimum(digits, weight_decay):
    train_x, train_y, test_x, _ = standardized(digits)
    regression = SoftmaxRegression(train_x, train_y, 10)
    w = regression.fit(weight_decay, tolerance=1e-6)
    theirs = LogisticRegression(C=1 / (weight_decay * len(train_x)), max_iter=5000, tol=1e-8).fit(train_x, train_y)
    best = np.concatenate([theirs.coef_.T, theirs.intercept_[None]])
    assert regression._objective(w, weight_decay)[0] == pytest.approx(regression._objective(best, weight_decay)[0], rel=1e-4)
    assert np.mean(predict(test_x, w) == theirs.predict(test_x)) > 0.99


def test_softmax_regression_needs_few_steps_on_correlated_features():
    rng = np.random.default_rng(0)
    scales = np.logspace(0, -3, 30)
    mixed = rng.standard_normal((1000, 30)) * scales @ np.linalg.qr(rng.standard_normal((30, 30)))[0]
    labels = (mixed @ rng.standard_normal(30) > 0).astype(int)
    regression = SoftmaxRegression(mixed.astype("float32"), labels, 2)
    few, many = (regression._objective(regression.fit(1e-4, tolerance=0, iterations=n), 1e-4)[0] for n in (25, 500))
    assert few == pytest.approx(many, rel=1e-2)


def evaluations(x, y, weight_decay):
    """Number of passes over the data of a fit."""
    regression = SoftmaxRegression(x, y, int(y.max()) + 1)
    objective, calls = regression._objective, []
    regression._objective = lambda w, decay: calls.append(w) or objective(w, decay)
    regression.fit(weight_decay)
    return len(calls)


def test_softmax_regression_needs_few_passes_over_classes_that_it_separates(digits):
    train_x, train_y, *_ = standardized(digits)
    # 70 with the bound on the curvature alone, which is far above the curvature where most classes are certain.
    assert evaluations(train_x, train_y, 1e-3) < 50


def test_softmax_regression_does_not_stop_where_the_search_starts_it(digits):
    train_x, train_y, *_ = standardized(digits)
    regression = SoftmaxRegression(train_x, train_y, 10)
    # The minimum of a stronger penalty, as in the search: the objective there is twice the minimum of this one.
    found = regression.fit(1e-5, start=regression.fit(1e-4), tolerance=1e-3)
    best = regression.fit(1e-5, tolerance=1e-7)
    assert regression._objective(found, 1e-5)[0] == pytest.approx(regression._objective(best, 1e-5)[0], rel=0.05)


def test_features_of_a_single_row_do_not_slow_the_softmax_regression():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20_000, 30))
    x[:, 20:] = 0
    x[1:20:2, 20:] = np.eye(10)
    labels = (x[:, :20] @ rng.standard_normal(20) > 0).astype(int)
    labels[1:20:2] = rng.integers(0, 2, 10)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    # 90 if the bound is that of every second row, where these features are constant.
    assert evaluations(x, labels, 1e-3) < 25


def test_linear_probe_is_indifferent_to_scale_and_label_names(digits):
    train_x, train_y, test_x, test_y = digits
    result = linear_probe(train_x, train_y, test_x, test_y)
    moved = linear_probe(train_x * 100 + 7, train_y * 3 - 5, test_x * 100 + 7, test_y * 3 - 5)
    assert moved["accuracy"] == pytest.approx(result["accuracy"], abs=0.005)


def test_mirrored_features_are_trained_on_and_never_held_out(digits):
    train_x, train_y, test_x, test_y = digits
    plain = linear_probe(*digits)
    # The same features again change nothing but the number of rows, and so neither what is chosen nor what is found.
    doubled = linear_probe(*digits, mirrored=train_x)
    assert doubled.pop("C") == pytest.approx(plain.pop("C") / 2)
    assert doubled == pytest.approx(plain, abs=2e-3)
    # Mirror images whose features are noise spoil the training, and would not if they were not used.
    noise = np.random.default_rng(0).permutation(train_x) * 3
    assert linear_probe(*digits, mirrored=noise)["accuracy"] < plain["accuracy"] - 0.01
    with pytest.raises(zoo.ZooError, match="mirrored features of shape"):
        linear_probe(*digits, mirrored=train_x[:5])


def test_a_feature_of_millions_hides_no_other(digits):
    train_x, train_y, test_x, test_y = digits
    huge = [np.float32(1e9) * np.random.default_rng(i).standard_normal((len(x), 1)) for i, x in enumerate((train_x, test_x))]
    result = linear_probe(np.hstack([train_x, huge[0]]), train_y, np.hstack([test_x, huge[1]]), test_y)
    plain = linear_probe(*digits)
    assert result["features"] == plain["features"] + 1 and result["accuracy"] > plain["accuracy"] - 0.05


def test_what_rounding_moves_is_constant(digits):
    train_x, train_y, test_x, test_y = digits
    noise = [np.float32(1e-9) * np.random.default_rng(i).standard_normal((len(x), 1)) for i, x in enumerate((train_x, test_x))]
    found = linear_probe(np.hstack([train_x, noise[0], 1e4 + noise[0]]), train_y, np.hstack([test_x, noise[1], noise[1]]), test_y)
    assert found["features"] == linear_probe(*digits)["features"]


def test_a_handful_of_images_is_enough(digits):
    train_x, train_y, test_x, test_y = digits
    train_x, train_y, test_x, test_y = train_x[train_y < 2], train_y[train_y < 2], test_x[test_y < 2], test_y[test_y < 2]
    assert linear_probe(train_x[:4], train_y[:4], test_x, test_y)["accuracy"] > 0.9


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
def test_features_that_are_no_numbers_are_refused(probe, digits):
    train_x, train_y, test_x, test_y = digits
    broken = np.where(np.arange(len(test_x))[:, None] == 5, np.nan, test_x)
    with pytest.raises(zoo.ZooError, match="got test features with NaN or infinite"):
        probe(train_x, train_y, broken, test_y)


def test_linear_probe_does_not_touch_what_it_is_given(digits):
    before = [array.copy() for array in digits]
    linear_probe(*digits)
    assert all(np.array_equal(a, b) for a, b in zip(before, digits))


def test_weight_decay_is_never_chosen_on_the_test_set(digits):
    train_x, train_y, test_x, test_y = digits
    result = linear_probe(train_x, train_y, test_x, test_y)
    shuffled = linear_probe(train_x, train_y, test_x, np.random.default_rng(0).permutation(test_y))
    assert shuffled["weight_decay"] == result["weight_decay"]
    assert shuffled["accuracy"] < 0.3


def test_probe_refuses_what_it_cannot_read(digits):
    train_x, train_y, test_x, test_y = digits
    with pytest.raises(zoo.ZooError, match="a single class"):
        linear_probe(train_x, np.zeros_like(train_y), test_x, test_y)
    with pytest.raises(zoo.ZooError, match="constant"):
        linear_probe(np.ones_like(train_x), train_y, test_x, test_y)
    with pytest.raises(zoo.ZooError, match="same number"):
        linear_probe(train_x, train_y, test_x[:, :5], test_y)
    with pytest.raises(zoo.ZooError, match="labels of shape"):
        linear_probe(train_x, train_y[:-1], test_x, test_y)


def test_knn_probe_matches_scikit_learn(digits):
    train_x, train_y, test_x, test_y = digits
    theirs = KNeighborsClassifier(20, metric="cosine", weights=lambda distance: 1 - distance).fit(train_x, train_y)
    assert knn_probe(*digits, k=20, block=100)["accuracy"] == pytest.approx(theirs.score(test_x, test_y), abs=1e-9)


def test_knn_probe_of_a_set_on_itself_is_perfect(digits):
    assert knn_probe(*digits[:2], *digits[:2], k=1)["error"] == 0
    with pytest.raises(zoo.ZooError, match="k=0"):
        knn_probe(*digits, k=0)


def test_candidates_keep_the_finest_pool_that_fits():
    model = zoo.create("ae", "conv", input_shape=(32, 32, 3), filters=(40, 8), strides=(1, 2), latent_dim=4)
    images = np.zeros((2, 32, 32, 3), "uint8")
    assert candidates(model, images) == [("stage1", 8), ("stage2", None), ("code", None)]
    assert probe_features(model, images, "stage1", 8).shape == (2, 8 * 8 * 40)


def test_best_feature_layer_finds_the_informative_depth():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    images = rng.integers(0, 60, (400, 12, 12, 1)).astype("uint8")
    images[labels == 1, :6] += 120
    model = zoo.create("ae", "conv", input_shape=(12, 12, 1), filters=(4,), latent_dim=2)
    model.bottleneck.dense.kernel.assign(np.zeros(model.bottleneck.dense.kernel.shape))
    # The code is constant now: only the stage before it knows anything.
    model.bottleneck.dense.bias.assign([0.0, 0.0])
    assert best_feature_layer(model, images, labels) == ("stage1", None)
