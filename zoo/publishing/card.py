"""Model cards: Markdown rendered from the manifest, never edited manually."""

from decimal import Decimal
from pathlib import Path

from zoo.utils.directions import higher_is_better
from zoo.utils.files import write_atomically

# Variants whose figure has a row of degraded, or of corrupted images.
RESTORING = ("denoising", "inpainting", "superres", "artifact_removal")
CORRUPTING = ("dae", "mae")
# The baselines that metrics measure, and what a card says of them.
_PROBED = (
    "Baselines of the probes are the same classifier, fitted and evaluated on the same images, with other features: the raw "
    "input; PCA, with as many components as the model has features (or all, if there are fewer); and untrained, the features of "
    "the model before its first training step (same seed, after a data-dependent initialization)."
)
_MAPPED = (
    "Baselines of anomaly maps are: the squared difference from the mean training image, smoothed as the map; the squared error "
    "of the reconstruction by PCA, smoothed; and the map of the model before its first training step (same seed)."
)
_EXPLAINED = {
    ("raw input", "PCA", "untrained"): _PROBED,
    ("degraded image",): "The baseline is the same measurement of the degraded images.",
    ("bicubic interpolation",): "The baseline is the same measurement of the reduced images, enlarged by bicubic interpolation.",
    ("mean color",): "The baseline is the same measurement of holes that are filled with the mean color of the other pixels.",
    ("Navier-Stokes",): "Navier-Stokes is the same measurement of holes that are filled by OpenCV's method of this name.",
    ("BM3D",): "BM3D is the same measurement of images that are restored by BM3D (Dabov et al. 2007), given the noise level.",
    ("JPEG file",): "The baseline is the same measurement of the decoded JPEG files.",
    ("mean image", "PCA map", "untrained map"): _MAPPED,
}
BASELINES = tuple(name for names in _EXPLAINED for name in names)
# Initializations that are part of the weights although gradients did not train them; see `zoo.training.Recipe`.
_STARTS = {
    "random": "",
    "pca": "; linear path set to the PCA solution before training and frozen",
    "patches": "; dictionary atoms set by k-means of patches before training and frozen",
    "layerwise": "; after greedy pretraining of each layer",
}


def write_card(name, entry, folder):
    """Write the card of a weight set to `folder/NAME.md`; its figures are expected in the same folder."""
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
        *_use(entry["config"], dataset),
        "```",
        "",
    ]
    columns = [name for name in BASELINES if any(name in baselines(entry, metric) for metric in entry["metrics"])]
    head = ["metric", "value", *columns, "split", "images", "tolerance", "protocol"]
    lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for metric, result in entry["metrics"].items():
        found = baselines(entry, metric)
        cells = [metric, figure(entry, metric), *(number(found[name]) if name in found else "" for name in columns)]
        cells += [result.get("split", "test"), str(result.get("n", "")), f"±{number(result['tolerance'])}"]
        lines.append(f"| {' | '.join([*cells, result.get('protocol', '')])} |")
    again = f"To measure them again, run `zoo evaluate {name} --check`."
    lines += ["", f"These figures were written by the command that measured them. {again}"]
    shown = {name for metric in entry["metrics"] for name in entry["metrics"][metric].get("baselines", {})}
    lines += [line for names, text in _EXPLAINED.items() for line in ("", text) if shown & set(names)]
    if "seeds" in entry:
        lines += ["", seeds(entry)]
    if baseline:
        lines += ["", f"Compared with: {baseline_text(entry)}."]
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| trained on | {trained_on(dataset)} |",
        f"| model | {', '.join(f'{k}={v}' for k, v in entry['config'].items())} |",
        f"| parameters | {run['parameters']:,} |",
        f"| training | {run['epochs']} epochs, {run['seconds'] / 60:.1f} minutes, seed {run['seed']}, {run['precision']}, "
        f"XLA {'on' if run['jit'] else 'off'}{_STARTS[recipe['start']]} |",
        f"| hardware | {run['device']} |",
        f"| software | {run['backend']} backend; {', '.join(f'{k} {v}' for k, v in run['versions'].items())} |",
        f"| recipe | `{recipe['path']}`, SHA-256 of its settings {recipe['sha256'][:16]} |",
        f"| file | {entry['file']}, {entry['bytes']:,} bytes, revision {entry['revision']} |",
        f"| license | weights {entry['licence']['weights']}; data {entry['licence']['data']} |",
    ]
    pictures = {
        f"{name}.png": _caption(entry["config"]["variant"]),
        f"{name}.samples.png": "Samples from the prior",
        f"{name}.plane.png": "Latent plane: codes of the test images, and images decoded from a grid of codes",
    }
    for picture, text in pictures.items():
        if (Path(folder) / picture).exists():
            lines += ["", f"![{text}]({picture})", "", f"{text}."]
    return "\n".join(lines) + "\n"


def trained_on(dataset):
    """The data set of a manifest entry that the weights were trained on, as text."""
    if "patches" in dataset:
        text = f"photographs of the folder {dataset['name']}: {dataset['n']:,} patches, {dataset['patches']} of each"
        return f"{text}; tested on the folder {dataset['test']}"
    split = dataset["split"] if dataset.get("drawn") else f"{dataset['split']} split"
    return f"{dataset['name']} {dataset['version']}, {split}, {dataset['n']} images"


def _use(config, dataset):
    """The lines of code that a card shows for a model with this config, trained on a data set."""
    accepted = "uint8 0..255 or floats 0..1"
    if config["variant"] not in RESTORING:
        return [f"features = model.encode(images)  # {accepted}, {shape(config['input_shape'])}"]
    if "patches" in dataset:
        return [f"restored = model.reconstruct(photographs)  # {accepted}: an array (N, H, W, C) or a list, of any size"]
    height, width, channels = config["input_shape"]
    scale = config.get("scale", 1)
    return [f"restored = model.reconstruct(images)  # {accepted}, {shape((height // scale, width // scale, channels))}"]


def baselines(entry, metric):
    """Mapping of baseline name to value for a metric of a manifest entry.

    These are the baselines that were measured with the metric, or the error of PCA if the metric is a squared error.
    """
    metrics = entry["metrics"]
    pca = metrics.get("pca_mse")
    same = {"mse": True, "mse_unclipped": False}
    if pca and metric in same and pca.get("parameters", {}).get("clip", True) == same[metric]:
        return {"PCA": pca["value"]}
    return metrics[metric].get("baselines", {})


def figure(entry, metric):
    """The value of a metric as text, with the baselines that it does not reach."""
    value = entry["metrics"][metric]["value"]
    lost = [name for name, other in baselines(entry, metric).items() if _worse(metric, value, other)]
    return number(value) + _depth(entry, metric) + (f" (worse than {', '.join(lost)})" if lost else "")


def _depth(entry, metric):
    """The depth of the encoder that a probe reads, as text; empty if `encode` gives the features of this depth."""
    layer, pool = (entry["metrics"][metric].get("parameters", {}).get(key) for key in ("layer", "pool"))
    return "" if layer in (None, "code", entry["config"].get("features")) else f" (of {layer}, pool {pool or 'flatten'})"


def baseline_text(entry):
    """The published or measured value that a set is compared with, its source, and whether the set is worse."""
    baseline = entry.get("baseline") or {}
    if not baseline:
        return ""
    metric, value = baseline["metric"], baseline["value"]
    text = f"{metric} {number(value)}: {baseline['source']}"
    worse = metric in entry["metrics"] and _worse(metric, entry["metrics"][metric]["value"], value, _rounding(value))
    return f"worse than {text}" if worse else text


def _worse(metric, value, other, rounding=0.0):
    """Whether a value is worse than another one that is known to within `rounding`."""
    # A tenth of a percent at least: a linear autoencoder reaches PCA only up to the convergence of its training.
    margin = max(1e-3 * abs(other), rounding)
    return value < other - margin if higher_is_better(metric) else value > other + margin


def _rounding(value):
    """Largest rounding error of a value that is stated in decimals, such as 0.00005 of 0.0168."""
    return float(Decimal(5).scaleb(Decimal(str(value)).as_tuple().exponent - 1))


def _caption(variant):
    """Caption of the figure that `zoo.publishing.pictures.side_by_side` draws for models of a variant."""
    if variant in RESTORING:
        return "Test images, degraded images and restored images"
    if variant in CORRUPTING:
        return "Test images, corrupted images and reconstructions"
    return "Test images and their reconstructions"


def seeds(entry):
    """The results of trainings with different seeds, and which of them is published, as text."""
    median, values = entry["seeds"]["median_of"], entry["seeds"]["values"]
    text = "; ".join(f"{metric} {', '.join(number(value) for value in found.values())}" for metric, found in values.items())
    count = len(values[median])
    return f"Trained with {count} seeds ({', '.join(values[median])}): {text}. The published set has the median {median}."


def shape(values):
    """Shape of a batch of inputs, such as "(N, 28, 28, 1)"."""
    return f"(N, {', '.join(map(str, values))})"


def number(value):
    """A value with four significant digits."""
    return f"{value:.4g}"
