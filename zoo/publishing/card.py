"""Cards: text rendered from the manifest, never edited by hand."""

from pathlib import Path

from zoo.utils.files import write_atomically

# What was no training by gradients, but is part of the weights; see `zoo.training.Recipe`.
_STARTS = {
    "random": "",
    "pca": "; the linear path is PCA's solution, set before and kept",
    "words": "; the dictionary's words are from k-means of patches, set before and kept",
    "layerwise": "; before, greedy pretraining of every layer",
}


def write_card(name, entry, folder):
    """Write the card of a weight set to `folder/NAME.md`; its pictures lie beside it."""
    write_atomically(Path(folder) / f"{name}.md", card(name, entry, folder).encode())


def card(name, entry, folder):
    """The card of a manifest entry, as Markdown."""
    run, recipe, dataset = entry["run"], entry["recipe"], entry["dataset"]
    anchor = entry.get("anchor") or {}
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
        "| metric | value | split | images | tolerance | how |",
        "|---|---|---|---|---|---|",
    ]
    for metric, result in entry["metrics"].items():
        lines.append(
            f"| {metric} | {number(result['value'])} | {result.get('split', 'test')} | {result.get('n', '')} "
            f"| ±{number(result['tolerance'])} | {result.get('protocol', '')} |"
        )
    again = f"`zoo evaluate {name} --check` measures them again."
    lines += ["", f"Each was written here by the command that measured it; {again}"]
    if "seeds" in entry:
        lines += ["", seeds(entry)]
    if anchor:
        lines += ["", f"To hold it against: {anchor['metric']} {number(anchor['value'])}, {anchor['source']}."]
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
