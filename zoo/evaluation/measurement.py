"""Measurement of metrics by name, as recipes, cards and `zoo evaluate --check` use them."""

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
            `names` and `zoo.evaluation.metrics`. With `layer="best"`, a probe selects the depth of the features. A name with
            a dot, such as "denoised_psnr_unclipped.set12", is measured on the data after it instead of `dataset`.
        dataset: a TFDS name, a .npy or .npz file, or a folder of images; or a mapping of "train" and "test" to
            `zoo.data.sources.Data`.
        data_dir: folder of the TFDS data.
        seed: of all random choices.
        progress: function that is called with a line of text after each metric; None prints nothing.
        untrained: function from the training images to the model before its first training step, a baseline of probes; see
            `zoo.training.initialization.start.untrained`. None omits that baseline.

    Returns:
        A mapping of metric name to a JSON-able mapping: `value` (6 significant digits), `split`, `n` (test images),
        `protocol` (a description), `parameters` and `seed` (which `repeat` needs), `tolerance` (the largest absolute difference
        of a value that is measured on another machine), and further fields of the metric. A probe has `baselines`, a mapping of
        "raw input", "PCA" (with as many components as there are features) and "untrained" to the values of the same protocol.

    Raises:
        ZooError: if a metric or parameter is unknown, or a metric does not apply to the model or the data.
    """
    wanted = check(metrics)
    progress, results = progress or (lambda line: None), {}
    subjects = {}
    for name, given in wanted:
        metric, data = parts(name)
        if data not in subjects:
            subjects[data] = Subject(model, data or dataset, data_dir, seed, progress, untrained)
        measured = METRICS[metric](subjects[data], **given)
        value = rounded(measured["value"])
        measured["parameters"] = {**defaults(name), **given, **measured.get("parameters", {})}
        measured["tolerance"] = rounded(measured["tolerance"])
        results[name] = {"split": "test", **measured, "value": value, "seed": seed}
        baselines = ", ".join(f"{baseline} {found:.6g}" for baseline, found in results[name].get("baselines", {}).items())
        progress(f"{name} {value:.6g}{f' ({baselines})' if baselines else ''}")
    return results


def check(metrics, dataset=None):
    """The name and the given parameters of each of `metrics`.

    Raises ZooError if a metric is unknown, occurs twice, or cannot be measured on `dataset`.
    """
    wanted = [_resolve(metric) for metric in metrics]
    for name, given in wanted:
        if sum(name == other for other, _ in wanted) > 1:
            raise ZooError(
                f"got the metric {name!r} twice, expected each metric at most once, because a card has one value for each name."
            )
        metric, data = parts(name)
        if metric in CHECKS:
            CHECKS[metric](given, data or dataset)
    return wanted


def unmeasurable(metrics, splits):
    """Mapping of the metrics that cannot be measured on these splits, with any model, to the `ZooError` that says why.

    The declared requirements of the metrics decide, see `zoo.evaluation.needs`: nothing is computed or sampled.

    Args:
        metrics: as for `measure`.
        splits: a mapping of "train" and "test" to `zoo.data.sources.Data`.
    """
    subject, reasons = Subject(None, splits, None, 0, lambda line: None), {}
    for name, given in check(metrics):
        metric, data = parts(name)
        try:
            if metric in CHECKS:
                CHECKS[metric](given, data or subject.dataset)
            # Data of its own has not been read yet.
            if not data:
                NEEDS[metric].check(name, subject, {**defaults(name), **given})
        except ZooError as reason:
            reasons[name] = reason
    return reasons


def repeat(model, recorded, dataset, data_dir=None, progress=print, untrained=None):
    """Repeat the measurement of `recorded`, the result of an earlier `measure`; the other arguments are the same as there."""
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
    """The name and the given parameters of a metric, which is given as a name or a mapping; raises ZooError if one is unknown."""
    given = {"metric": metric} if isinstance(metric, str) else dict(metric)
    name = given.pop("metric", None)
    if name is None or parts(name)[0] not in METRICS:
        raise ZooError(f"there is no metric {name!r}.{suggest(name, METRICS)} The metrics are {', '.join(METRICS)}.")
    known = defaults(name)
    for parameter in given:
        if parameter not in known:
            takes = f"its parameters are {', '.join(known)}" if known else "it has no parameters"
            raise ZooError(f"the metric {name!r} has no parameter {parameter!r}; {takes}.{suggest(parameter, known)}")
    return name, given


def parts(name):
    """The metric, and the data after the dot or None, of a name such as "denoised_psnr_unclipped.set12"."""
    metric, _, data = name.partition(".")
    return metric, data or None


def defaults(name):
    """Mapping of the parameters of a metric to their default values."""
    parameters = inspect.signature(METRICS[parts(name)[0]]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
