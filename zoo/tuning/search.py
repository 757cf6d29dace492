"""Search over settings of a recipe: trials are trained, measured on held-out training images, and recorded."""

import contextlib
import dataclasses
import io
import json
import time
from pathlib import Path

from zoo.data import sources
from zoo.data.fingerprint import fingerprint
from zoo.data.splitting import split
from zoo.errors import ZooError, suggest
from zoo.evaluation.measurement import check as check_metrics
from zoo.evaluation.measurement import measure
from zoo.modalities.image import image_file_shape
from zoo.training.fit import discard_run, fit
from zoo.tuning import space
from zoo.utils.directions import higher_is_better
from zoo.utils.distributions import missing_package
from zoo.utils.files import write_atomically

# Folder of the state of Keras Tuner, and the file that describes the search.
_SEARCH = "search"
_DECIDES = "search.json"


def tune(
    recipe, strategy="bayesian", trials=20, axes=None, metric=None, held_out=0.1, folder="tuning", data_dir=None, restart=False
):
    """Search for the settings of `recipe` that are best on images held out of its training split; the test split is not used.

    An interrupted search is resumed, an interrupted trial after its last complete epoch.

    Args:
        recipe: a `zoo.training.Recipe`; its `epochs` are those of each trial.
        strategy: "grid", "random", or "bayesian" (Gaussian process; Snoek, Larochelle & Adams 2012, arXiv:1206.2944).
        trials: maximum number of trials; a grid may be smaller.
        axes: list of `zoo.tuning.space.Axis`, the settings to vary; None uses `zoo.tuning.space.default_axes`.
        metric: metric to optimize, a name or a mapping, see `zoo.evaluation`; None uses the first of the recipe.
        held_out: fraction of the training images to measure on, above 0 and below 1.
        folder: folder for the state of the search.
        data_dir: folder of the TFDS data.
        restart: whether to discard an earlier search in `folder`.

    Returns:
        A list of mappings, best first and failed trials last: `trial`, the value of each axis, `score` (None for a failed one)
        and `seconds`.

    Raises:
        ZooError: if an argument is invalid, the folder contains another search, all trials failed, or Keras Tuner is missing.
    """
    try:
        import keras_tuner
    except ImportError:
        raise missing_package("a search", "keras_tuner") from None
    if strategy not in space.STRATEGIES:
        raise ZooError(
            f"got strategy={strategy!r}, expected one of {', '.join(space.STRATEGIES)}.{suggest(str(strategy), space.STRATEGIES)}"
        )
    if trials < 1:
        raise ZooError(f"got trials={trials}, expected at least 1.")
    if not 0 < held_out < 1:
        raise ZooError(f"got held_out={held_out}, expected a fraction between 0 and 1.")
    axes = list(axes or space.default_axes(recipe))
    space.check(recipe, axes)
    metric = metric or recipe.metrics[0]
    [(name, _)] = check_metrics([metric], recipe.dataset)
    data = _data(recipe, data_dir)
    train, held = (data.part(indices) for indices in split(len(data.images), None, held_out, recipe.seed))
    folder = Path(folder)
    if restart:
        for place in folder.glob("trials/*"):
            discard_run(place)
    decides = {
        **recipe.decides(),
        "strategy": strategy,
        "metric": metric,
        "axes": [dataclasses.asdict(axis) for axis in axes],
        "held_out": held_out,
        "images": fingerprint(data.images),
        "labels": fingerprint(data.labels),
    }
    _record_search(folder, decides, restart)
    better = "max" if higher_is_better(name) else "min"
    oracle = _oracle(keras_tuner, strategy, axes, keras_tuner.Objective(name, better), trials, recipe.seed)

    reasons = []

    class Search(keras_tuner.Tuner):
        def run_trial(self, trial, **_):
            place = folder / "trials" / trial.trial_id
            place.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            try:
                chosen = space.changed(recipe, _values(trial, axes))
                model, _ = fit(chosen, train.images, place, labels=train.labels)
                result = measure(model, [metric], {"train": train, "test": held}, seed=recipe.seed, progress=None)[name]
            except Exception as error:
                # Trials that diverge, cannot be built or do not fit into memory are recorded as failed; the search continues.
                reasons.append(f"{next(iter(str(error).splitlines()), type(error).__name__)}")
                print(f"trial {trial.trial_id}: failed, {_shown(_values(trial, axes))}: {reasons[-1]}", flush=True)
                raise keras_tuner.errors.FailedTrialError(reasons[-1]) from None
            finally:
                seconds = time.perf_counter() - start
            trial.metrics.register("seconds", "min")
            trial.metrics.update("seconds", seconds)
            # Checkpoints are not needed after training.
            discard_run(place)
            print(f"trial {trial.trial_id}: {name} {result['value']:.6g}, {_shown(_values(trial, axes))}", flush=True)
            return {name: result["value"], "seconds": seconds}

    tuner = Search(oracle, directory=folder, project_name=_SEARCH, overwrite=restart)
    # Keras Tuner prints tracebacks of failed trials to standard error; the line printed above is enough.
    with contextlib.redirect_stderr(io.StringIO()):
        tuner.search(verbose=0)
    rows = [_row(trial, axes, name) for trial in oracle.trials.values()]
    done = [row for row in rows if row["score"] is not None]
    if not done:
        raise ZooError(f"all {len(rows)} trials failed{f'; the last: {reasons[-1]}' if reasons else ''}")
    done.sort(key=lambda row: row["score"], reverse=better == "max")
    return done + [row for row in rows if row["score"] is None]


def _data(recipe, data_dir):
    shape = image_file_shape(recipe.model.get("input_shape", ()))
    return sources.load(recipe.dataset, "train", data_dir, image_shape=shape)


def _record_search(folder, decides, restart):
    """Write the description of the search to `folder`. Raises ZooError if the folder contains another search."""
    path = folder / _DECIDES
    decides = json.loads(json.dumps(decides))
    if (folder / _SEARCH).is_dir() and not restart:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ZooError(f"{folder} contains a search without a readable {_DECIDES}; give --restart to discard it.") from None
        if before != decides:
            keys = sorted(key for key in {**before, **decides} if before.get(key) != decides.get(key))
            raise ZooError(
                f"{folder} contains a search with different values of {', '.join(keys)}; give the same values, another --output, "
                "or --restart to discard that search."
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(decides, indent=1) + "\n").encode())


def _oracle(keras_tuner, strategy, axes, objective, trials, seed):
    given = keras_tuner.HyperParameters()
    for axis in axes:
        if axis.choices:
            given.Choice(axis.name, list(axis.choices), ordered=all(map(space.is_number, axis.choices)))
        elif isinstance(axis.low, int) and isinstance(axis.high, int):
            given.Int(axis.name, axis.low, axis.high, sampling="log" if axis.log else "linear")
        else:
            given.Float(axis.name, float(axis.low), float(axis.high), sampling="log" if axis.log else "linear")
    common = dict(objective=objective, max_trials=trials, hyperparameters=given, seed=seed, allow_new_entries=False)
    oracles = keras_tuner.oracles
    kinds = {
        "grid": oracles.GridSearchOracle,
        "random": oracles.RandomSearchOracle,
        "bayesian": oracles.BayesianOptimizationOracle,
    }
    # Do not stop after failed trials: the table of failures is useful, too.
    return kinds[strategy](**common, max_consecutive_failed_trials=trials + 1)


def _values(trial, axes):
    """Mapping of axis to the value of a trial; choices as given, because Keras Tuner turns True and False into numbers."""
    values = {axis.name: trial.hyperparameters.values[axis.name] for axis in axes}
    given = {axis.name: axis.choices for axis in axes if axis.choices}
    return {name: next(c for c in given[name] if c == value) if name in given else value for name, value in values.items()}


def _row(trial, axes, name):
    seconds = trial.metrics.get_best_value("seconds") if trial.metrics.exists("seconds") else None
    return {"trial": trial.trial_id, **_values(trial, axes), "score": trial.score, "seconds": seconds}


def _shown(values):
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items())
