"""The scoring of the Numenta Anomaly Benchmark."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

# By its path: with the folder of benchmarks in the search path, other tests would import a benchmark of the name of a helper.
spec = importlib.util.spec_from_file_location("nab_scoring", Path(__file__).parents[2] / "benchmarks/nab_scoring.py")
scoring = importlib.util.module_from_spec(spec)
# Dataclasses look their module up there.
sys.modules[spec.name] = scoring
spec.loader.exec_module(scoring)
Labelled, Profile, figure, normalized = scoring.Labelled, scoring.Profile, scoring.figure, scoring.normalized
probation, read, sweep, total, worth = scoring.probation, scoring.read, scoring.sweep, scoring.total, scoring.worth

STANDARD = Profile(1.0, 0.11, 1.0)


def labelled(rows=100, windows=((40, 49), (80, 84))):
    return Labelled("made/up.csv", np.arange(rows).astype(str), np.zeros(rows), list(windows))


def scaled(position):
    return 2 / (1 + math.exp(5 * position)) - 1


def test_a_detection_is_worth_what_the_paper_says():
    value, inside = worth(labelled(), STANDARD)
    # The first row of a window is at -1, the row after its end in widths past it; far away a detection costs the most.
    assert value[40] == pytest.approx(1.0)
    assert value[45] == pytest.approx(scaled(-0.5) / scaled(-1))
    assert value[52] == pytest.approx(0.11 * scaled(3 / 9))
    assert value[20] == value[79] == -0.11
    assert (inside >= 0).sum() == 15 and inside[84] == 1


def test_at_most_750_rows_are_probationary():
    assert [probation(rows) for rows in (100, 4032, 20000)] == [15, 604, 750]


def test_the_extremes_are_0_and_100():
    series = [labelled(), labelled(60, [(30, 35)])]
    scores = [np.zeros(100), np.zeros(60)]
    assert normalized(series, sweep(series, scores, STANDARD)[1][0], STANDARD) == 0
    for one, score in zip(series, scores):
        score[[first for first, _ in one.windows]] = 1
    assert figure(series, scores, STANDARD) == (pytest.approx(100), 1.0)


@pytest.mark.parametrize("profile", [STANDARD, Profile(1.0, 0.22, 2.0)])
def test_a_threshold_scores_as_its_detections_do(profile):
    rng = np.random.default_rng(0)
    series, scores = [labelled(), labelled(60, [(2, 12)])], [rng.integers(0, 8, 100), rng.integers(0, 8, 60)]
    thresholds, totals = sweep(series, scores, profile)
    for threshold, score in zip(thresholds, totals):
        assert total(series, [np.flatnonzero(one >= threshold) for one in scores], profile) == pytest.approx(score)


def test_the_benchmark_is_read_with_its_windows(real_data):
    series, profiles = read(real_data / "nab")
    assert len(series) == 58 and sum(len(one.windows) for one in series) == 116
    assert profiles["standard"] == STANDARD
    constant = [np.full(len(one.values), 0.5) for one in series]
    assert figure(series, constant, STANDARD)[0] == 0
