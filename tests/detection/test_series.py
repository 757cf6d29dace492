"""Anomaly detection in time series: causal scores, streams, thresholds, the command line."""

import copy
import math

import numpy as np
import pytest

from zoo.detection.series import Bounds, SeriesStream, Surprise, calibrate, plot_series
from zoo.detection.series.scorer import SeriesScorer
from zoo.errors import ZooError

pandas = pytest.importorskip("pandas")
pytest.importorskip("sklearn")
from zoo.sklearn import SeriesOutlierDetector  # noqa: E402, which requires scikit-learn


def series(steps=400, seed=0):
    return np.sin(np.arange(steps) / 4) + 0.05 * np.random.default_rng(seed).normal(size=steps)


def small(**options):
    settings = dict(length=12, steps=150, short=3, options={"hidden": (16,), "latent_dim": 6}, random_state=0)
    return SeriesOutlierDetector(**{**settings, **options})


@pytest.fixture(scope="module")
def fitted():
    return small(seasons=(25,), false_alarms=0.01).fit(series(800))


def test_an_anomaly_is_found_and_normal_steps_are_not(fitted):
    x = series(seed=1)
    x[200:203] += 1.5
    found = np.flatnonzero(fitted.predict(x) < 0)
    assert 200 in found
    # The first windows lack the steps before them; later ones contain the anomaly, also one season later.
    far = (found > 40) & ((found < 200) | (found > 245))
    assert far.sum() <= 0.05 * len(x), found


def test_scores_depend_on_nothing_of_the_future(fitted):
    x, later = series(seed=1), series(seed=1)
    later[150:] += 5
    np.testing.assert_allclose(fitted.score_samples(x)[:150], fitted.score_samples(later)[:150], atol=1e-3)
    whole = small(causal=False, steps=20).fit(series())
    assert abs(whole.score_samples(x)[145:150] - whole.score_samples(later)[145:150]).max() > 0.01
    with pytest.raises(ZooError, match="causal=False"):
        whole.update(x)


def test_a_saved_detector_scores_rows_as_they_come_as_it_did(fitted, tmp_path):
    import zoo

    x = series(100, seed=2)[:, None]
    fitted.save(tmp_path / "saved")
    stream = SeriesStream(zoo.load(tmp_path / "saved"))
    found = np.concatenate([stream.score(x[start : start + size]) for start, size in ((0, 1), (1, 1), (2, 40), (42, 58))])
    np.testing.assert_allclose(found, -fitted.score_samples(x), rtol=1e-3, atol=1e-3)
    assert stream.threshold == fitted.threshold_
    assert len(stream.scorer._before) == fitted.model_.modality.reach


def test_learning_row_by_row_is_learning_in_blocks(fitted):
    results = []
    for sizes in ([60], [1] * 20 + [40]):
        other = copy.copy(fitted)
        for name in ("_surprise", "_bounds"):
            setattr(other, name, copy.deepcopy(getattr(fitted, name)))
        other.scorer_ = copy.copy(fitted.scorer_)
        edges = np.cumsum([0, *sizes])
        results.append(np.concatenate([other.update(series(seed=3)[a:b]) for a, b in zip(edges, edges[1:])]))
    np.testing.assert_allclose(*results, rtol=1e-3, atol=1e-3)


def test_a_second_fit_starts_anew(fitted):
    model = fitted.model_
    first = fitted.score_samples(series(seed=4))
    fitted.fit(series(800))
    assert fitted.model_ is model
    np.testing.assert_allclose(fitted.score_samples(series(seed=4)), first, rtol=1e-3, atol=1e-3)


def test_rows_without_values_have_no_score_and_raise_no_alarm(fitted):
    x = series(seed=5)
    x[100:105] = np.nan
    scores = fitted.score_samples(x)
    assert np.isnan(scores[100:105]).all() and np.isfinite(scores[:100]).all() and np.isfinite(scores[105:]).all()
    assert (fitted.predict(x)[100:105] == 1).all()


@pytest.mark.parametrize("x", [np.full(60, 3.0), series(60)[:, None]])
def test_a_constant_series_and_a_column_can_be_fitted(x):
    assert np.isfinite(small(steps=2).fit(x).score_samples(x)).all()


@pytest.mark.parametrize("x, message", [(np.zeros(10), "at least"), (np.zeros((0, 1)), "shape"), (np.zeros(1), "at least two")])
def test_too_short_series_are_one_clear_line(x, message):
    with pytest.raises(ZooError, match=message) as caught:
        small().fit(x)
    assert "\n" not in str(caught.value)


def test_a_pretrained_model_is_calibrated_and_not_trained(fitted):
    before = [np.array(v) for v in fitted.model_.variables]
    other = SeriesOutlierDetector(fitted.model_, short=3).fit(series(seed=6))
    for variable, value in zip(other.model_.variables, before):
        np.testing.assert_array_equal(variable, value)


def test_the_error_is_that_of_what_the_model_fills_in():
    from zoo.modalities.series import fit
    from zoo.models import registry

    x = series(40)
    model = registry.create("ae", "mlp", modality=fit(x, 8, 1, "series"), hidden=(8,), latent_dim=2)
    scorer = SeriesScorer(model)
    errors = scorer.errors(model.modality.steps(x).values)
    raw = model.modality.check(x)
    hidden = raw.copy()
    hidden[:, -1] = np.nan
    scaled = model.modality.layer.scaled
    expected = np.abs(np.array(scaled(model.reconstruct(hidden), raw)[0]) - np.array(scaled(raw, raw)[0]))[:, -1, 0]
    np.testing.assert_allclose(errors[7:], expected, atol=1e-5)


@pytest.mark.parametrize("half_life", [None, 5])
def test_surprise_in_blocks_is_that_of_its_definition(half_life):
    from scipy.stats import norm

    errors = np.abs(np.random.default_rng(0).normal(size=40))
    errors[10] = np.nan
    surprise = Surprise(4, half_life).learn(errors[:20])
    found = np.concatenate([surprise.score(part, learning=True) for part in np.split(errors[20:], [1, 7])])
    for i in range(20, 40):
        past = errors[:i][np.isfinite(errors[:i])]
        weights = np.ones(len(past)) if half_life is None else 0.5 ** (np.arange(len(past))[::-1] / half_life)
        mean = np.average(past, weights=weights)
        deviation = math.sqrt(np.average((past - mean) ** 2, weights=weights))
        recent = errors[max(20, i - 3) : i + 1].mean()
        assert found[i - 20] == pytest.approx(-norm.logsf((recent - mean) / deviation) / math.log(10), rel=1e-6)


def test_bounds_are_those_of_all_values_before():
    bounds = Bounds(1, 0.1).learn(np.array([[0.0], [10.0]]))
    assert bounds.outside(np.array([[10.9], [11.1], [np.nan], [-2.0]])).tolist() == [False, True, False, True]
    assert bounds.outside(np.array([[20.0], [20.0], [25.0]]), learning=True).tolist() == [True, False, True]
    assert not Bounds(1, 0.1).outside(np.array([[1.0], [1.0]]), learning=True).any()


def test_the_rate_of_false_alarms_is_at_most_that_stated():
    rng, rates = np.random.default_rng(0), []
    for _ in range(300):
        threshold = calibrate(rng.exponential(size=199), 0.02)
        assert threshold.method == "rank"
        rates.append(math.exp(-threshold.value))
    assert np.mean(rates) <= 0.022
    # With a confidence of 95 percent, a single calibration has at most the bound.
    assert np.mean(np.array(rates) <= threshold.bound) == pytest.approx(0.95, abs=0.04)


def test_beyond_the_calibrated_steps_the_tail_is_extrapolated():
    rng = np.random.default_rng(0)
    values = [calibrate(rng.exponential(size=2000), 1e-4) for _ in range(30)]
    assert {one.method for one in values} == {"tail"}
    assert np.median([one.value for one in values]) == pytest.approx(-math.log(1e-4), rel=0.15)
    assert "extrapolated" in str(values[0])


def test_a_picture_shows_series_expectation_and_scores(fitted, tmp_path):
    pytest.importorskip("matplotlib")
    figure = plot_series(fitted, series(80), tmp_path / "series.png")
    assert len(figure.axes) == 2 and (tmp_path / "series.png").stat().st_size > 1000
    with pytest.raises(ZooError, match="could not be written"):
        plot_series(fitted, series(80), tmp_path / "lacking" / "series.png")


def test_zoo_score_of_a_file_and_of_rows_as_they_are_appended(fitted, tmp_path, capsys):
    from zoo.cli.main import main

    fitted.save(tmp_path / "saved")
    x = series(60, seed=7)
    live = tmp_path / "live.csv"
    live.write_text("0\n" + "".join(f"{value}\n" for value in x))
    assert main(["score", str(tmp_path / "saved"), str(live), "--output", str(tmp_path / "scores.csv")]) == 0
    whole = pandas.read_csv(tmp_path / "scores.csv").iloc[:, 1].to_numpy()
    np.testing.assert_allclose(whole, -fitted.score_samples(x), rtol=1e-3, atol=1e-3)
    capsys.readouterr()
    live.write_text(live.read_text() + "not a number\n1.5,7\n")
    command = ["score", str(tmp_path / "saved"), str(live), "--follow", "--idle", "0.3", "--output"]
    assert main([*command, str(tmp_path / "live_scores.csv")]) == 0
    lines = (tmp_path / "live_scores.csv").read_text().splitlines()
    assert lines[0] == "row,score,alarm"
    np.testing.assert_allclose([float(line.split(",")[1]) for line in lines[1:61]], whole, rtol=1e-3, atol=1e-3)
    assert main([*command, str(tmp_path / "live_scores.csv")]) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize("text, message", [("", "empty"), ("0\n", None), ("other\n1\n", "lacks the column '0'")])
def test_files_without_rows_or_columns_are_one_clear_line(fitted, tmp_path, capsys, text, message):
    from zoo.cli.main import main

    fitted.save(tmp_path / "saved")
    (tmp_path / "x.csv").write_text(text)
    assert main(["score", str(tmp_path / "saved"), str(tmp_path / "x.csv"), "--output", str(tmp_path / "scores.csv")]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert (message or "no rows") in err[-1]
