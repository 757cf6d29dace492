"""Cards: text rendered from the manifest, never edited by hand."""

from pathlib import Path

from zoo.utils.directions import higher_is_better
from zoo.utils.files import write_atomically

BASELINES = ("raw input", "PCA", "untrained")
_BASELINES = (
    "The same classifier, fitted and judged on the same images, reads: the raw input; PCA, as many principal components as there "
    "are features (at most all); untrained, the same features of the model before its first step (same seed, after a start that "
    "the data decides)."
)
# What was no training by gradients, but is part of the weights; see `zoo.training.Recipe`.
_STARTS = {
    "random": "",
    "pca": "; the linear path is PCA's solution, set before and kept",
    "patches": "; the dictionary's atoms are from k-means of patches, set before and kept",
    "layerwise": "; before, greedy pretraining of every layer",
}


def write_card(name, entry, folder):
    """Write the card of a weight set to `folder/NAME.md`; its pictures lie beside it."""
    write_atomically(Path(folder) / f"{name}.md", card(name, entry, folder).encode())


def card(name, entry, folder):
    """The card of a manifest entry, as Markdown."""
    run, recipe, dataset = entry["run"], entry["recipe"], entry["dataset"]
    baseline = entry.get("baseline") or {}
    lines = [
        f"# {name}",
        "",
        entry["paper"],
        "",
        "```python",
        f'model = zoo.load("{name}")',
        "features = model.encode(images)  # uint8 0..255 or floats 0..1, " + shape(entry["config"]["input_shape"]),
        "```",
        "",
    ]
    beside = [name for name in BASELINES if any(name in baselines(entry, metric) for metric in entry["metrics"])]
    head = ["metric", "value", *beside, "split", "images", "tolerance", "how"]
    lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for metric, result in entry["metrics"].items():
        found = baselines(entry, metric)
        cells = [metric, figure(entry, metric), *(number(found[name]) if name in found else "" for name in beside)]
        cells += [result.get("split", "test"), str(result.get("n", "")), f"±{number(result['tolerance'])}"]
        lines.append(f"| {' | '.join([*cells, result.get('protocol', '')])} |")
    again = f"`zoo evaluate {name} --check` measures them again."
    lines += ["", f"Each was written here by the command that measured it; {again}"]
    if any("baselines" in result for result in entry["metrics"].values()):
        lines += ["", _BASELINES]
    if "seeds" in entry:
        lines += ["", seeds(entry)]
    if baseline:
        lines += ["", f"Compare: {against(entry)}."]
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| trained on | {dataset['name']} {dataset['version']}, {split_of(dataset)}, {dataset['n']} images |",
        f"| model | {', '.join(f'{k}={v}' for k, v in entry['config'].items())} |",
        f"| parameters | {run['parameters']:,} |",
        f"| training | {run['epochs']} epochs, {run['seconds'] / 60:.1f} minutes, seed {run['seed']}, {run['precision']}, "
        f"XLA {'on' if run['jit'] else 'off'}{_STARTS[recipe['start']]} |",
        f"| on | {run['device']}; {run['backend']} backend; {', '.join(f'{k} {v}' for k, v in run['versions'].items())} |",
        f"| recipe | `{recipe['path']}`, sha256 of its fields {recipe['sha256'][:16]} |",
        f"| file | {entry['file']}, {entry['bytes']:,} bytes, revision {entry['revision']} |",
        f"| licence | weights {entry['licence']['weights']}; data {entry['licence']['data']} |",
    ]
    pictures = {
        f"{name}.png": "Test images and what the model makes of them",
        f"{name}.samples.png": "Samples from the prior",
        f"{name}.plane.png": "The plane of its two codes: where test images fall, and what it decodes to",
    }
    for picture, text in pictures.items():
        if (Path(folder) / picture).exists():
            lines += ["", f"![{text}]({picture})", "", f"{text}."]
    return "\n".join(lines) + "\n"


def baselines(entry, metric):
    """Mapping of baseline to its value for a metric of a manifest entry: those measured with it, and PCA's error for its own."""
    metrics = entry["metrics"]
    pca = metrics.get("pca_mse")
    same = {"mse": True, "mse_unclipped": False}
    if pca and metric in same and pca.get("parameters", {}).get("clip", True) == same[metric]:
        return {"PCA": pca["value"]}
    return metrics[metric].get("baselines", {})


def figure(entry, metric):
    """The value of a metric in text, with a word on every baseline that it does not beat."""
    value = entry["metrics"][metric]["value"]
    # Within rounding, a linear autoencoder is PCA.
    lost = [name for name, other in baselines(entry, metric).items() if _worse(metric, value, other)]
    return number(value) + (f" (worse than {', '.join(lost)})" if lost else "")


def against(entry):
    """The published or measured number that a set is compared with, its source, and whether the set falls short of it."""
    baseline = entry.get("baseline") or {}
    if not baseline:
        return ""
    metric, value = baseline["metric"], baseline["value"]
    told = f"{metric} {number(value)}: {baseline['source']}"
    short = metric in entry["metrics"] and _worse(metric, entry["metrics"][metric]["value"], value)
    return f"worse than {told}" if short else told


def _worse(metric, value, other):
    margin = 1e-3 * abs(other)
    return value < other - margin if higher_is_better(metric) else value > other + margin


def split_of(dataset):
    """Which images of a manifest entry's data set the weights were trained on, in words."""
    return dataset["split"] if dataset.get("drawn") else f"{dataset['split']} split"


def seeds(entry):
    """What the trainings with other seeds gave, and which of them this is, as a sentence."""
    median, values = entry["seeds"]["median_of"], entry["seeds"]["values"]
    told = "; ".join(f"{metric} {', '.join(number(value) for value in found.values())}" for metric, found in values.items())
    count = len(values[median])
    return f"Trained {count} times, with the seeds {', '.join(values[median])}: {told}. This is the median of {median}."


def shape(values):
    """(28, 28, 1) as it is written in text."""
    return f"(N, {', '.join(map(str, values))})"


def number(value):
    """A measured value to four significant digits."""
    return f"{value:.4g}"
