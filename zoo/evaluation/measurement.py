"""Metrics by name: what a recipe asks for, a card states and `zoo evaluate --check` repeats."""

import inspect

from zoo.errors import ZooError, suggest
from zoo.evaluation.metrics import CHECKS, METRICS
from zoo.evaluation.metrics.subject import Subject, rounded
from zoo.evaluation.needs import NEEDS


def measure(model, metrics, dataset, data_dir=None, seed=0, progress=print, untrained=None):
    """Measure `model` on the test split of `dataset`.

    Args:
        model: an `Autoencoder`.
        metrics: names, or mappings such as `{"metric": "nll", "k": 5000, "n": 1000}` with the parameters of a metric; see
            `names`, and `zoo.evaluation.metrics` for what each takes. `layer="best"` has a probe look for its depth.
        dataset: a TFDS name, a .npy or .npz file, or a folder of images; or a mapping of "train" and "test" to
            `zoo.data.sources.Data`.
        data_dir: where TFDS data lies.
        seed: of every random choice.
        progress: called with a line of text as each metric is done; None for silence.
        untrained: function from the training images to the model as it was before its first step, see
            `zoo.training.untrained`: one of the baselines of a probe. None leaves that baseline out.

    Returns:
        A mapping of metric name to a JSON-able mapping: `value` (6 significant digits), `split`, `n` (test images),
        `protocol` (in words), `parameters` and `seed` (what `repeat` needs), `tolerance` (absolute; how far another machine's
        value may lie), and whatever else the metric has to say: of a probe `baselines`, a mapping of "raw input", "PCA" (as many
        components as the features are numbers) and "untrained" to what the same protocol gives of those.

    Raises:
        ZooError: on an unknown metric or parameter, and where a metric does not apply to the model or the data.
    """
    wanted = check(metrics)
    subject = Subject(model, dataset, data_dir, seed, progress or (lambda line: None), untrained)
    results = {}
    for name, given in wanted:
        measured = METRICS[name](subject, **given)
        value = rounded(measured["value"])
        measured["parameters"] = {**defaults(name), **given, **measured.get("parameters", {})}
        measured["tolerance"] = rounded(measured["tolerance"])
        results[name] = {"split": "test", **measured, "value": value, "seed": seed}
        beside = ", ".join(f"{baseline} {found:.6g}" for baseline, found in results[name].get("baselines", {}).items())
        subject.progress(f"{name} {value:.6g}{f' ({beside})' if beside else ''}")
    return results


def check(metrics, dataset=None):
    """The (name, parameters given) of each of `metrics`; `ZooError` on unknown and repeated ones, and what `dataset` forbids."""
    wanted = [_resolve(metric) for metric in metrics]
    for name, given in wanted:
        if sum(name == other for other, _ in wanted) > 1:
            raise ZooError(f"got the metric {name!r} twice, expected each at most once: a card has one value under a name.")
        if name in CHECKS:
            CHECKS[name](given, dataset)
    return wanted


def rehearse(metrics, splits):
    """What keeps each of `metrics` from being measured on these splits, whatever the model: a mapping of name to `ZooError`.

    It goes by what the metrics declare, see `zoo.evaluation.needs`: nothing is computed, and nothing drawn.

    Args:
        metrics: as for `measure`.
        splits: a mapping of "train" and "test" to `zoo.data.sources.Data`.
    """
    subject, reasons = Subject(None, splits, None, 0, lambda line: None), {}
    for name, given in check(metrics):
        try:
            if name in CHECKS:
                CHECKS[name](given, subject.dataset)
            NEEDS[name].refuse(name, subject, {**defaults(name), **given})
        except ZooError as reason:
            reasons[name] = reason
    return reasons


def repeat(model, recorded, dataset, data_dir=None, progress=print, untrained=None):
    """Measure again, exactly as it was done, what an earlier `measure` returned; arguments as there."""
    seeds = {result.get("seed", 0) for result in recorded.values()}
    results = {}
    for seed in sorted(seeds):
        metrics = [
            {"metric": name, **result.get("parameters", {})} for name, result in recorded.items() if result.get("seed", 0) == seed
        ]
        results |= measure(model, metrics, dataset, data_dir, seed, progress, untrained)
    return {name: results[name] for name in recorded}


def names():
    """Names of all metrics."""
    return list(NEEDS)


def _resolve(metric):
    """A name or a mapping -> name, parameters given; both known."""
    given = {"metric": metric} if isinstance(metric, str) else dict(metric)
    name = given.pop("metric", None)
    if name not in METRICS:
        raise ZooError(f"there is no metric {name!r}.{suggest(name, METRICS)} There are {', '.join(METRICS)}.")
    known = defaults(name)
    for parameter in given:
        if parameter not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ZooError(f"the metric {name!r} has no parameter {parameter!r}; {takes}.{suggest(parameter, known)}")
    return name, given


def defaults(name):
    """Mapping of the parameters of a metric to their values where none are given."""
    parameters = inspect.signature(METRICS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
