"""The Numenta Anomaly Benchmark: all its series, online, by its own scoring, with one configuration and one threshold for all.

    pip install -e '.[sklearn]'
    python benchmarks/nab.py FOLDER --docs

FOLDER is a copy of the benchmark, with its `data`, `labels` and `config` (https://github.com/numenta/NAB). Each series is
followed as it comes: a network is trained on the probationary rows, those that the benchmark does not score, and after that each
row gets a score that depends on rows before it and itself only; from time to time the network is trained further on the rows so
far. No label is read before the scoring, which chooses one level of alarms for all series, the best one for each profile, as the
benchmark chooses the threshold of each detector.

The network sees windows of `LENGTH` rows with the time of day and of the week, and all that one day and one week before. As
KNN-CAD and others on the benchmark's list do, a detector that has raised an alarm is silent for some time, here `REST` times the
number of probationary rows. The settings below are the same for all series; they were chosen on the benchmark itself, which has
no other series to choose them on, with a linear prediction in place of the network.
"""

import argparse
import fnmatch
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from nab_scoring import normalized, read, total
from tqdm import tqdm

LENGTH, SHORT, REST = 16, 12, 0.2
# Training steps on the probationary rows, and on all rows so far after each block of rows.
STEPS, MORE, BLOCK = 300, 30, 500
# Half-life of errors, as a fraction of the number of probationary rows.
HALF_LIFE = 0.5
# Number of levels of alarms, of which the best one is chosen.
LEVELS = 60
# A value beyond the range of all values before by this fraction of it is out of bounds, which adds so much to the score.
MARGIN, OUTSIDE = 0.05, 20.0
SEED = 0
DAY, WEEK = 86_400, 7 * 86_400
PROFILES = ("standard", "reward_low_FP_rate", "reward_low_FN_rate")
# Published on the benchmark's page, with its standard profile.
PUBLISHED = {"ARTime": 74.9, "Numenta HTM": 70.1, "contextOSE": 69.9, "KNN-CAD": 58.0, "random": 16.8}


def seasons(times):
    """The number of rows of a day and of a week, from the times (T,), texts, of the probationary rows."""
    gaps = np.diff(times.astype("datetime64[s]").astype(np.int64))
    usual = max(1.0, float(np.median(gaps)))
    return tuple(max(1, round(span / usual)) for span in (DAY, WEEK))


def with_clock(series):
    """The values (T, 5) of a series and its time of day and of the week, as sines and cosines."""
    days = series.times.astype("datetime64[s]").astype(np.int64) / DAY
    angles = 2 * np.pi * np.stack([days % 1, days / 7 % 1], axis=1)
    return np.concatenate([series.values[:, None], np.sin(angles), np.cos(angles)], axis=1)


def network(trained):
    """A function from a series to its scores (T,) by the zoo's detector, without bounds; its network is built once.

    Args:
        trained: whether the network is trained, or remains as it was before the first step.
    """
    from zoo.detection.series import SeriesOutlierDetector

    detector = SeriesOutlierDetector(
        length=LENGTH,
        normalization="series",
        short=SHORT,
        target=["0"],
        margin=None,
        calibration=0.4,
        steps=STEPS if trained else 0,
        random_state=SEED,
    )

    def scores(series):
        start, found, values = series.probation, [], with_clock(series)
        detector.set_params(seasons=seasons(series.times[:start]), half_life=HALF_LIFE * start)
        detector.fit(values[:start])
        for first in range(start, len(values), BLOCK):
            found.append(-detector.update(values[first : first + BLOCK], MORE if trained else 0))
        return np.concatenate([np.zeros(start), *found])

    return scores


def neighbours(series):
    """Scores (T,) by the distance of a window to the nearest windows before it, in place of the network's error."""
    from zoo.detection.series import Surprise
    from zoo.modalities.series.series import center_and_scale
    from zoo.modalities.series.windows import windows

    start, half = series.probation, series.probation // 2
    center, scale = center_and_scale(series.values[:start])
    padded = np.concatenate([np.repeat(series.values[:1], LENGTH - 1), series.values])
    found = windows(np.arcsinh((padded - center) / scale)[:, None], LENGTH)[:, :, 0]
    errors = np.full(len(found), np.nan)
    for first in range(half, len(found), BLOCK):
        block, bank = found[first : first + BLOCK], found[:first]
        squared = (block**2).sum(1)[:, None] + (bank**2).sum(1) - 2 * block @ bank.T
        errors[first : first + BLOCK] = np.sqrt(np.maximum(np.partition(squared, 4, axis=1)[:, :5], 0)).mean(1)
    surprise = Surprise(SHORT, HALF_LIFE * start).learn(errors[half:start])
    return np.concatenate([np.zeros(start), surprise.score(errors[start:], learning=True)])


def outside(series):
    """What the detector adds to its score where a value is out of the bounds of all values before, (T,)."""
    from zoo.detection.series.bounds import Bounds

    return OUTSIDE * Bounds(1, MARGIN).outside(series.values[:, None], learning=True)


def alarms(scores, level, rest):
    """The rows (K,) of alarms: those with a score of at least `level`, without those within `rest` rows after an alarm."""
    above, found = np.flatnonzero(scores >= level), []
    while len(above):
        found.append(above[0])
        above = above[np.searchsorted(above, above[0] + rest, side="right") :]
    return np.array(found, int)


def best_figure(series, scores, profile):
    """The figure of scores by the best level of alarms for all series, and that level."""
    counted = np.concatenate([score[one.probation :] for one, score in zip(series, scores)])
    levels = np.unique(np.quantile(counted, 1 - np.geomspace(3e-4, 0.03, LEVELS)))
    found = []
    for level in levels:
        detected = [
            one.probation + alarms(score[one.probation :], level, int(REST * one.probation)) for one, score in zip(series, scores)
        ]
        found.append((normalized(series, total(series, detected, profile), profile), float(level)))
    return max(found)


# Name to the function that makes its scores, without the bounds.
SCORES = {
    "autoencoder": lambda: network(trained=True),
    "the network before training": lambda: network(trained=False),
    "nearest windows": lambda: neighbours,
    "no network": lambda: lambda series: np.zeros(len(series.values)),
}


def scored(name, series):
    """The scores of each of `series`, and the minutes of processor time that they took."""
    start, function = time.process_time(), SCORES[name]()
    return [function(one) for one in tqdm(series, desc=name, disable=None)], (time.process_time() - start) / 60


def scores_of(name, series, jobs):
    """As `scored`, in so many processes; each series is scored for itself, so that the scores are the same."""
    if jobs == 1:
        return scored(name, series)
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(scored, [name] * jobs, [series[i::jobs] for i in range(jobs)]))
    return [parts[i % jobs][0][i // jobs] for i in range(len(series))], sum(minutes for _, minutes in parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="the benchmark's folder, with data, labels and config")
    parser.add_argument("--only", default="*", help="series to use, with shell wildcards (default: all)")
    parser.add_argument("--scores", default=",".join(SCORES), help="names, separated by commas (default: all)")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes (default: 1)")
    parser.add_argument("--keep", help="file to write the scores to, .npz (default: none)")
    parser.add_argument("--docs", action="store_true", help="write the table to its page of the documentation")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    series, profiles = read(arguments.folder)
    series = [one for one in series if fnmatch.fnmatch(one.name, arguments.only)]
    windows = sum(len(one.windows) for one in series)
    lines = [
        f"{len(series)} series, {sum(len(one.values) for one in series):,} rows, {windows} labelled windows; "
        "minutes of one core.",
        "",
        "| score | bounds | standard | few false alarms | few missed | minutes |",
        "|---|---|---|---|---|---|",
    ]
    kept = {}
    for name in arguments.scores.split(","):
        found, minutes = scores_of(name, series, arguments.jobs)
        kept.update({f"{name}/{one.name}": score for one, score in zip(series, found)})
        for bounded in (True, False):
            if name == "no network" and not bounded:
                continue
            final = [np.nan_to_num(score) + bounded * outside(one) for one, score in zip(series, found)]
            figures = [best_figure(series, final, profiles[profile])[0] for profile in PROFILES]
            shown = " | ".join(f"{figure:.1f}" for figure in figures)
            lines.append(f"| {name} | {'yes' if bounded else 'no'} | {shown} | {minutes:.1f} |")
            print(lines[-1], flush=True)
    if arguments.keep:
        np.savez_compressed(arguments.keep, **kept)
    lines += ["", "Published, standard profile: " + ", ".join(f"{name} {value}" for name, value in PUBLISHED.items()) + "."]
    if arguments.docs:
        from turns import write_table

        write_table("nab", "\n".join(lines))
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
