"""`zoo evaluate`: measure a model on its test split, by default with the metrics of its card."""

import json
import math
import sys
from pathlib import Path

from zoo.cli.arguments import MODEL_HELP, add_data_dir
from zoo.errors import ZooError, suggest
from zoo.utils.quiet import load_quietly

HELP = "measure a model"
_PROBES = {"linear": "linear_error", "knn": "knn_error", "finetune": "finetuned_error"}
_SHOWN = 16


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument(
        "--check", action="store_true", help="measure every figure of the card again; exit code 1 if one is outside its tolerance"
    )
    parser.add_argument("--metrics", help="names of metrics, separated by commas, such as mse,psnr,linear_error")
    parser.add_argument(
        "--probe",
        nargs="?",
        const="linear,knn",
        help=f"{', '.join(_PROBES)}, separated by commas: classifiers trained on the features (without a value: linear,knn)",
    )
    parser.add_argument("--data", help="TFDS name, .npy or .npz file, or folder of images (default: the data of the set)")
    add_data_dir(parser)
    parser.add_argument("--picture", help=".png file for test images and their reconstructions; samples are written next to it")
    parser.add_argument("--json", action="store_true", help="print the measurements as JSON")


def run(arguments):
    """Measure a model; returns the exit code, 1 if --check found a value outside its tolerance, otherwise 0."""
    from zoo.data import sources
    from zoo.pretrained.resolve import resolve

    checkpoint = resolve(arguments.name)
    _, entry = checkpoint.weight_set() or (None, {})
    stated = entry.get("dataset", {})
    dataset = arguments.data or stated.get("test") or stated.get("name")
    if arguments.check and not entry.get("metrics"):
        raise ZooError(f"{arguments.name} has no card to check against; --check is for the weight sets of zoo list.")
    # --data is allowed with --check: the card of a user's own data states its name, but not its location.
    if arguments.check and (arguments.metrics or arguments.probe):
        raise ZooError("--check measures the figures of the card; it cannot be combined with --metrics or --probe.")
    if dataset is None:
        raise ZooError(f"{arguments.name} does not state its data set; give the data with --data.")
    sources.kind_of(sources.located(dataset, arguments.data_dir))
    picture = _picture_path(arguments.picture)
    probes = _list(arguments.probe, _PROBES, "probe")
    load_quietly()
    from zoo.evaluation.measurement import measure, names, parts, repeat
    from zoo.evaluation.needs import NEEDS
    from zoo.modalities.image import image_file_shape
    from zoo.pretrained.loading import load_checkpoint
    from zoo.training.initialization.start import untrained
    from zoo.training.recipe import recorded

    wanted = _metrics_to_measure(_list(arguments.metrics, names(), "metric") + [_PROBES[probe] for probe in probes], entry)
    model = load_checkpoint(checkpoint)
    asked = [each if isinstance(each, str) else each["metric"] for each in wanted or ()]
    if not hasattr(model, "decoder") and (picture or any(NEEDS[parts(name)[0]].decoder for name in asked)):
        raise ZooError(f"{arguments.name} has no decoder and does not reconstruct images; measure its features with --probe.")
    if entry.get("dataset", {}).get("drawn"):
        # The test images were split off a source without a test split; measure on the same images if this is that source.
        splits, _ = sources.load_splits(dataset, arguments.data_dir, image_file_shape(model.data_shape))
        dataset = splits if splits["test"].name == entry["dataset"]["name"] else dataset
    if picture:
        _draw(model, dataset, arguments.data_dir, picture)
        if not (arguments.check or arguments.metrics or arguments.probe):
            return 0
    recipe = recorded(entry)
    before = untrained(recipe) if recipe else None
    if arguments.check or wanted is None:
        measured = repeat(model, entry["metrics"], dataset, arguments.data_dir, progress=_progress, untrained=before)
    else:
        measured = measure(model, wanted, dataset, arguments.data_dir, progress=_progress, untrained=before)
    if arguments.check:
        return _check(arguments.name, measured, entry["metrics"], arguments.json)
    if arguments.json:
        print(json.dumps(measured, indent=1))
    else:
        rows = [
            (name, _number(value), str(result["n"]), result["protocol"] if name == metric else "")
            for metric, result in measured.items()
            for name, value in _with_baselines(metric, result).items()
        ]
        _table(("metric", "value", "images", "protocol"), rows)
    return 0


def _picture_path(given):
    """The path of --picture, or None. An invalid path is reported before measuring, which may take minutes."""
    if given is None:
        return None
    picture = Path(given)
    if picture.suffix.lower() != ".png":
        raise ZooError(f"got --picture {picture}, expected a name that ends in .png.")
    if not picture.parent.is_dir():
        raise ZooError(f"there is no folder {picture.parent} to write {picture.name} to; create it first.")
    return picture


def _metrics_to_measure(asked, entry):
    """What to measure: metric names and mappings, or None for the metrics of the card."""
    if not asked:
        return None if entry.get("metrics") else ["mse", "psnr"]
    # A metric on the card keeps its parameters, such as a depth or a number of samples.
    stated = {name: result.get("parameters", {}) for name, result in entry.get("metrics", {}).items()}
    return [{"metric": name, **stated.get(name, {})} for name in dict.fromkeys(asked)]


def _list(text, known, what):
    chosen = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not chosen:
        raise ZooError(f"got no {what}, expected one or more of {', '.join(known)}.")
    for name in chosen:
        # A metric may name its data after a dot.
        if name.partition(".")[0] not in known:
            raise ZooError(f"there is no {what} {name!r}.{suggest(name, known)} There are {', '.join(known)}.")
    return chosen


def _draw(model, dataset, data_dir, path):
    from zoo.data import sources
    from zoo.modalities.image import image_file_shape
    from zoo.publishing.pictures import draws_images, samples_grid, side_by_side

    if not isinstance(dataset, dict):
        dataset = {"test": sources.load(dataset, "test", data_dir, image_file_shape(model.data_shape))}
    images = dataset["test"].images[:_SHOWN]
    side_by_side(model, images, path)
    _progress(f"wrote {path}")
    if draws_images(model):
        samples = path.with_suffix(".samples.png")
        samples_grid(model, samples)
        _progress(f"wrote {samples}")


def _check(name, measured, card, as_json):
    rows, off = [], []
    for metric, stated in card.items():
        found = _with_baselines(metric, measured[metric])
        for each, wanted in _with_baselines(metric, stated).items():
            value, tolerance = found.get(each, math.nan), stated["tolerance"]
            # A comparison with NaN is false, so NaN is never within the tolerance.
            ok = abs(value - wanted) <= tolerance
            if not ok:
                off.append(each)
            rows.append((each, _number(value), _number(wanted), _number(tolerance), "ok" if ok else "OFF"))
    if as_json:
        checks = {
            metric: {
                **measured[metric],
                "card": stated["value"],
                "ok": not any(each in off for each in _with_baselines(metric, stated)),
            }
            for metric, stated in card.items()
        }
        print(json.dumps(checks, indent=1))
    else:
        _table(("metric", "measured", "card", "tolerance", ""), rows)
    if off:
        print(f"zoo: {', '.join(off)} of {name} differ from the card by more than the tolerance", file=sys.stderr)
        return 1
    return 0


def _with_baselines(metric, result):
    """Mapping of the name of a metric and of each of its baselines to their values."""
    baselines = {f"{metric} of {name}": value for name, value in result.get("baselines", {}).items()}
    return {metric: result["value"], **baselines}


def _table(head, rows):
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _number(value):
    return f"{value:.6g}"


def _progress(line):
    print(line, file=sys.stderr, flush=True)
