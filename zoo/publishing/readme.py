"""Tables and figures of README and the documentation: rendered from the manifest and the registry, never edited manually.

`python -m zoo.publishing.readme` renders each of them between its two markers, and all cards in `weights/cards/`.
Some fields of a manifest entry are stated by the code rather than measured: the recipe states whether the main package contains
the set and the value that it is compared with, the variant states its paper. They are copied into the manifest first.
"""

from pathlib import Path

from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import manifest
from zoo.pretrained.public import public
from zoo.publishing.card import BASELINES, RESTORING, baseline_text, baselines, figure, number, write_card
from zoo.publishing.photographs import photographs_table
from zoo.training.recipe import load_recipe, recipes
from zoo.utils.directions import higher_is_better
from zoo.utils.files import write_atomically

_COLUMNS = 4
_FIGURES = (*RESTORING, "mae")
# The sets that README lists: task, name, and the metric that evaluates the task.
SELECTION = (
    ("Features of photographs", "mae_vit_base.imagenet1k", "ImageNet top-1 linear, %"),
    ("Features of small color images, winner-take-all autoencoder", "wta_conv.cifar10", "linear_accuracy"),
    ("Features of small color images, dictionary of patches", "patch_dictionary_conv.cifar10", "linear_accuracy"),
    ("Features of small color images, denoising autoencoder", "dae_conv.cifar10", "linear_accuracy"),
    ("Fine-tuning on small color images", "mae_vit_tiny.cifar10", "finetuned_accuracy"),
    ("Features of digits", "wta_conv.mnist", "linear_error"),
    ("Classification from 100 labels", "m2_vae_mlp.mnist", "classification_error"),
    ("Compression to 16 numbers", "ae_conv.mnist", "mse"),
    ("Compression to discrete codes", "vq_vae_conv.cifar10", "mse"),
    ("Sampling and likelihood", "vae_mlp.mnist", "nll"),
    ("Disentangled factors", "beta_tc_vae_conv.sprites", "mig"),
    ("Denoising of gray photographs", "denoising_unet.photos-grey", "denoised_psnr_unclipped.bsd68"),
    ("Removal of JPEG artifacts from photographs", "artifact_removal_unet.photos", "jpeg_psnr_luma_10.kodak"),
    ("Denoising of small color images", "denoising_unet.cifar10", "denoised_psnr"),
    ("Inpainting", "inpainting_unet.cifar10", "inpainted_mse"),
    ("Super-resolution by 2", "superres_resnet.cifar10-x2", "enlarged_psnr"),
    ("Codes for latent diffusion", "sd_vae_ft_mse", "COCO 2017 PSNR, dB"),
)


def render(root):
    """Render all cards, and the blocks of README and the documentation under the checkout `root`.

    Raises:
        ZooError: if a page lacks the markers of a block; nothing is written.
    """
    root = Path(root)
    written, known = manifest.read(root / "weights"), recipes()
    entries = {name: _as_stated(entry, load_recipe(name) if name in known else None) for name, entry in written.items()}
    pages = rendered(root, entries)
    for name, entry in entries.items():
        if entry != written[name]:
            manifest.write_entry(name, entry, root / "weights")
    cards = root / "weights" / "cards"
    cards.mkdir(parents=True, exist_ok=True)
    for name, entry in entries.items():
        write_card(name, entry, cards)
    for page, text in pages.items():
        write_atomically(root / page, text.encode())


def _as_stated(entry, recipe):
    """The entry with the fields that its variant states, and its recipe if it is the one that trained the weights."""
    entry = {**entry, "paper": registry.variants().get(entry["config"]["variant"], entry["paper"])}
    return {**entry, **recipe.stated()} if recipe and recipe.sha256() == entry["recipe"]["sha256"] else entry


def rendered(root, entries):
    """Mapping of page to its text, with its blocks rendered from the manifest's entries."""
    root = Path(root)
    cards = root / "weights" / "cards"
    blocks = {
        "README.md": {"selection": selection_table(entries, _Cards(cards, 0))},
        "docs/weights.md": {"weights": weights_table(entries, _Cards(cards, 1))},
        "docs/gallery.md": {"gallery": gallery(entries, _Cards(cards, 1))},
        "docs/restoration.md": {
            "photographs": photographs_table(entries, _Cards(cards, 1)),
            "restored": restored(entries, _Cards(cards, 1)),
        },
        "docs/variants/index.md": {"variants": variants_table(entries, _Cards(cards, 2))},
    }
    return {page: _replaced(root / page, of_page) for page, of_page in blocks.items()}


def _replaced(page, blocks):
    text = page.read_text(encoding="utf-8")
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        head, _, rest = text.partition(begin)
        _, found, tail = rest.partition(end)
        if not found or text.count(begin) != 1 or text.count(end) != 1:
            raise ZooError(f"{page} does not have the markers of its table, expected {begin} and {end}, once each.")
        text = f"{head}{begin}\n{block}\n{end}{tail}"
    return text


class _Cards:
    """The folder of the cards, and links to it from a page `depth` folders below the root of the checkout."""

    def __init__(self, folder, depth):
        self.folder, self.address = folder, "../" * depth + "weights/cards"

    def has(self, file):
        return (self.folder / file).exists()

    def link(self, name):
        return f"[`{name}`]({self.address}/{name}.md)"

    def picture(self, text, file):
        return f"![{text}]({self.address}/{file})"


def selection_table(entries, cards):
    """Markdown table of the sets in `SELECTION`, by task."""
    lines = ["| task | name | input | size | figure | baseline |", "|---|---|---|---|---|---|"]
    for task, name, metric in SELECTION:
        if name in entries:
            entry = entries[name]
            better = "↑" if higher_is_better(metric) else "↓"
            value = f"{metric} {figure(entry, metric)} {better}" if metric in entry["metrics"] else ""
            size = f"{entry['bytes'] / 1e6:.1f} MB"
            cells = (cards.link(name), _shape(entry), size, value, _baseline(entry, metric))
        elif name in public():
            entry = public()[name]
            value = f"{metric}: {number(entry['reported'][metric])} (reported by its authors)"
            cells = (f"`{name}` *", _shape(entry), f"{4 * entry['parameters'] / 1e6:.0f} MB", value, "")
        else:
            continue
        lines.append(f"| {' | '.join((task, *cells))} |")
    return "\n".join(lines)


def weights_table(entries, cards):
    """Markdown table of all weight sets with all their figures."""
    lines = ["| weights | size | measured on the test split | compared with |", "|---|---|---|---|"]
    for name, entry in sorted(entries.items()):
        baseline = entry.get("baseline") or {}
        values = {metric: _measured(entry, metric) for metric in entry["metrics"]}
        measured = ", ".join(f"**{text}**" if metric == baseline.get("metric") else text for metric, text in values.items())
        size = entry["bytes"] / 1e6
        lines.append(f"| {cards.link(name)} | {size:.1f} MB | {measured} | {baseline_text(entry)} |")
    return "\n".join(lines)


def variants_table(entries, cards):
    """Markdown table of all variants with their papers, weight sets, and the values that these are compared with."""
    lines = ["| variant | idea and paper | weights | figure | compared with |", "|---|---|---|---|---|"]
    for variant, about in registry.variants().items():
        sets = {name: entry for name, entry in sorted(entries.items()) if entry["config"]["variant"] == variant}
        rows = [(cards.link(name), _figure(entry), baseline_text(entry)) for name, entry in sets.items()]
        for i, row in enumerate(rows or [("none yet", "", "")]):
            head = (f"`{variant}`", about) if i == 0 else ("", "")
            lines.append(f"| {' | '.join((*head, *row))} |")
    return "\n".join(lines)


def gallery(entries, cards):
    """Markdown table of the samples of all models that have a figure of them."""
    names = [name for name in sorted(entries) if cards.has(f"{name}.samples.png")]
    cells = [f"{cards.picture(f'Samples of {name}', f'{name}.samples.png')}<br>`{name}`" for name in names]
    if not cells:
        return "None yet."
    lines = ["| " * _COLUMNS + "|", "|---" * _COLUMNS + "|"]
    for start in range(0, len(cells), _COLUMNS):
        row = cells[start : start + _COLUMNS]
        lines.append(f"| {' | '.join(row + [''] * (_COLUMNS - len(row)))} |")
    return "\n".join(lines)


def restored(entries, cards):
    """Markdown with the figure of each restoration model: images, degraded images and restored images."""
    names = [name for name in sorted(entries) if entries[name]["config"]["variant"] in _FIGURES]
    shown = [name for name in names if cards.has(f"{name}.png")]
    title = "Images, degraded images and restored images of"
    blocks = [f"{cards.link(name)}\n\n{cards.picture(f'{title} {name}', f'{name}.png')}" for name in shown]
    return "\n\n".join(blocks) or "None yet."


def _shape(entry):
    """The shape of a set's inputs as text."""
    stated = entry.get("config", entry)
    if "patches" in entry.get("dataset", {}):
        return "any size, gray" if stated["input_shape"][-1] == 1 else "any size"
    return " x ".join(map(str, stated["input_shape"]))


def _figure(entry):
    metric = (entry.get("baseline") or {}).get("metric") or next(iter(entry["metrics"]), None)
    return _measured(entry, metric) if metric in entry["metrics"] else ""


def _measured(entry, metric):
    """A metric with its value and, in brackets, the baselines of a probe."""
    found = entry["metrics"][metric].get("baselines", {})
    compared = ", ".join(f"{name} {number(found[name])}" for name in BASELINES if name in found)
    return f"{metric} {figure(entry, metric)}{f' [{compared}]' if compared else ''}"


def _baseline(entry, metric):
    """The baselines that were measured with a metric, then the published or separately measured one, as text."""
    found = baselines(entry, metric) if metric in entry["metrics"] else {}
    baseline = entry.get("baseline") or {}
    stated = [f"{number(value)}: {name}" for name, value in found.items()]
    stated += [f"{number(baseline['value'])}: {baseline['source']}"] if baseline.get("metric") == metric else []
    return "; ".join(stated)


if __name__ == "__main__":
    try:
        render(Path(__file__).parents[2])
    except ZooError as fault:
        raise SystemExit(f"zoo: {fault}") from None
