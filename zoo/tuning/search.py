"""Trials of a recipe, each trained, measured on held-out training images, and remembered."""

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
from zoo.training.fit import fit, forget
from zoo.tuning import space
from zoo.utils.directions import higher_is_better
from zoo.utils.files import write_atomically

# Folder of Keras Tuner's own books, and the file that says what the search is for.
_SEARCH = "search"
_DECIDES = "search.json"


def tune(
    recipe, strategy="bayesian", trials=20, axes=None, metric=None, held_out=0.1, folder="tuning", data_dir=None, restart=False
):
    """Search the settings of `recipe` that do best on images held out of its training split; the test split is not looked at.

    A search that was stopped goes on where it was, within a trial from its last whole epoch.

    Args:
        recipe: a `zoo.training.Recipe`; how long a trial trains are its `epochs`.
        strategy: "grid", "random", or "bayesian" (Gaussian process; Snoek, Larochelle & Adams 2012, arXiv:1206.2944).
        trials: at most so many; a grid may be smaller.
        axes: what to vary, `zoo.tuning.space.Axis`; None takes `zoo.tuning.space.default_axes`.
        metric: to judge by, a name or a mapping, see `zoo.evaluation`; None is the recipe's first.
        held_out: share of the training images.
        folder: where the search keeps what it knows.
        data_dir: where TFDS data lies.
        restart: begin anew.

    Returns:
        A list of mappings, best first and failed trials last: `trial`, the value of each axis, `score` (None for a failed one)
        and `seconds`.

    Raises:
        ZooError: on a wrong strategy, axis or metric, when no trial came to an end, and without Keras Tuner.
    """
    try:
        import keras_tuner
    except ImportError:
        raise ZooError("a search needs the extra 'tune': pip install 'autoencoder-zoo[tune]'") from None
    if strategy not in space.STRATEGIES:
        raise ZooError(
            f"got strategy={strategy!r}, expected one of {', '.join(space.STRATEGIES)}.{suggest(str(strategy), space.STRATEGIES)}"
        )
    if trials < 1:
        raise ZooError(f"got trials={trials}, expected at least 1.")
    if not 0 < held_out < 1:
        raise ZooError(f"got held_out={held_out}, expected a share between 0 and 1.")
    axes = list(axes or space.default_axes(recipe))
    space.check(recipe, axes)
    metric = metric or recipe.metrics[0]
    [(name, _)] = check_metrics([metric], recipe.dataset)
    data = _data(recipe, data_dir)
    train, held = (data.part(indices) for indices in split(len(data.images), None, held_out, recipe.seed))
    folder = Path(folder)
    if restart:
        for place in folder.glob("trials/*"):
            forget(place)
    decides = {
        **recipe.decides(),
        "strategy": strategy,
        "metric": metric,
        "axes": [dataclasses.asdict(axis) for axis in axes],
        "held_out": held_out,
        "images": fingerprint(data.images),
        "labels": fingerprint(data.labels),
    }
    _remember(folder, decides, restart)
    better = "max" if higher_is_better(name) else "min"
    oracle = _oracle(keras_tuner, strategy, axes, keras_tuner.Objective(name, better), trials, recipe.seed)

    reasons = []

    class Search(keras_tuner.Tuner):
        def run_trial(self, trial, **_):
            place = folder / "trials" / trial.trial_id
            place.mkdir(parents=True, exist_ok=True)
            start = time.perf_counter()
            try:
                chosen = space.changed(recipe, trial.hyperparameters.values)
                model, _ = fit(chosen, train.images, place, labels=train.labels)
                result = measure(model, [metric], {"train": train, "test": held}, seed=recipe.seed, progress=None)[name]
            except Exception as error:
                # One that diverged, cannot be built or does not fit in memory tells where not to look; the search goes on.
                reasons.append(f"{next(iter(str(error).splitlines()), type(error).__name__)}")
                print(f"trial {trial.trial_id}: failed, {_shown(trial.hyperparameters.values)}: {reasons[-1]}", flush=True)
                raise keras_tuner.errors.FailedTrialError(reasons[-1]) from None
            finally:
                seconds = time.perf_counter() - start
            trial.metrics.register("seconds", "min")
            trial.metrics.update("seconds", seconds)
            # What only resumes a training is of no use after it.
            forget(place)
            print(f"trial {trial.trial_id}: {name} {result['value']:.6g}, {_shown(trial.hyperparameters.values)}", flush=True)
            return {name: result["value"], "seconds": seconds}

    tuner = Search(oracle, directory=folder, project_name=_SEARCH, overwrite=restart)
    # Keras Tuner prints the traceback of every trial that fails there; the line above says what there is to say.
    with contextlib.redirect_stderr(io.StringIO()):
        tuner.search(verbose=0)
    rows = [_row(trial, axes, name) for trial in oracle.trials.values()]
    done = [row for row in rows if row["score"] is not None]
    if not done:
        raise ZooError(f"none of the {len(rows)} trials came to an end{f'; the last: {reasons[-1]}' if reasons else ''}")
    done.sort(key=lambda row: row["score"], reverse=better == "max")
    return done + [row for row in rows if row["score"] is None]


def _data(recipe, data_dir):
    shape = image_file_shape(recipe.model.get("input_shape", ()))
    return sources.load(recipe.dataset, "train", data_dir, image_shape=shape)


def _remember(folder, decides, restart):
    """Write what the search is for to `folder`; `ZooError` where one lies there that was for something else."""
    path = folder / _DECIDES
    decides = json.loads(json.dumps(decides))
    if (folder / _SEARCH).is_dir() and not restart:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise ZooError(f"{folder} holds a search without a readable {_DECIDES}; give --restart to begin anew.") from None
        if before != decides:
            keys = sorted(key for key in {**before, **decides} if before.get(key) != decides.get(key))
            raise ZooError(
                f"{folder} holds a search with other values of {', '.join(keys)}; give the same, another --output, or --restart "
                "to begin anew."
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
    # All may fail: whoever searches wants to see the table of what did.
    return kinds[strategy](**common, max_consecutive_failed_trials=trials + 1)


def _row(trial, axes, name):
    seconds = trial.metrics.get_best_value("seconds") if trial.metrics.exists("seconds") else None
    values = {axis.name: trial.hyperparameters.values[axis.name] for axis in axes}
    return {"trial": trial.trial_id, **values, "score": trial.score, "seconds": seconds}


def _shown(values):
    return ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items())
