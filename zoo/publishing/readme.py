"""README's tables and gallery: rendered from the manifest and the registry, never edited by hand.

`python -m zoo.publishing.readme` renders them again, each between its two markers, and every card in `weights/cards/`.
Whether the wheel has a set, and what it is held against, are the recipe's word, not measured: the manifest takes them over
first.
"""

from pathlib import Path

from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import manifest
from zoo.publishing.card import BASELINES, against, figure, number, write_card
from zoo.training.recipe import load_recipe, recipes
from zoo.utils.files import write_atomically

_COLUMNS = 4
_MENDING = ("denoising", "inpainting", "superres", "mae")


def render(root):
    """Render all cards and README's blocks under the checkout `root`.

    Raises:
        ZooError: when README lacks the markers of a block; nothing is written.
    """
    root = Path(root)
    written, known = manifest.read(root / "weights"), recipes()
    entries = {name: _as_said(entry, load_recipe(name)) if name in known else entry for name, entry in written.items()}
    text = rendered(root, entries)
    for name, entry in entries.items():
        if entry != written[name]:
            manifest.write_entry(name, entry, root / "weights")
    cards = root / "weights" / "cards"
    cards.mkdir(parents=True, exist_ok=True)
    for name, entry in entries.items():
        write_card(name, entry, cards)
    write_atomically(root / "README.md", text.encode())


def _as_said(entry, recipe):
    """The entry with what is the recipe's word as the script has it now, if these weights are of the training it describes."""
    return {**entry, **recipe.stated()} if recipe.sha256() == entry["recipe"]["sha256"] else entry


def rendered(root, entries):
    """README's text with its blocks as they should be, for the manifest's entries."""
    root = Path(root)
    readme = root / "README.md"
    blocks = {
        "weights": weights_table(entries),
        "gallery": gallery(entries, root / "weights" / "cards"),
        "mended": mended(entries, root / "weights" / "cards"),
        "variants": variants_table(entries),
    }
    text = readme.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text = _replaced(text, name, block, readme)
    return text


def _replaced(text, name, block, readme):
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, _, rest = text.partition(begin)
    _, found, tail = rest.partition(end)
    if not found or text.count(begin) != 1 or text.count(end) != 1:
        raise ZooError(f"{readme} does not say where its {name} go, expected {begin} and {end}, once each.")
    return f"{head}{begin}\n{block}\n{end}{tail}"


def weights_table(entries):
    """Every weight set with all that was measured, as Markdown."""
    lines = ["| weights | size | measured on the test split | compare |", "|---|---|---|---|"]
    for name, entry in sorted(entries.items()):
        anchor = entry.get("anchor") or {}
        values = {metric: _measured(entry, metric) for metric in entry["metrics"]}
        measured = ", ".join(f"**{text}**" if metric == anchor.get("metric") else text for metric, text in values.items())
        size = entry["bytes"] / 1e6
        lines.append(f"| {_link(name)} | {size:.1f} MB | {measured} | {against(entry)} |")
    return "\n".join(lines)


def variants_table(entries):
    """Every variant with its paper, and the figure of each of its weight sets beside the anchor's, as Markdown."""
    lines = ["| variant | idea and paper | weights | figure | compare |", "|---|---|---|---|---|"]
    for variant, about in registry.variants().items():
        sets = {name: entry for name, entry in sorted(entries.items()) if entry["config"]["variant"] == variant}
        rows = [(_link(name), _figure(entry), against(entry)) for name, entry in sets.items()]
        for i, row in enumerate(rows or [("none yet", "", "")]):
            head = (f"`{variant}`", about) if i == 0 else ("", "")
            lines.append(f"| {' | '.join((*head, *row))} |")
    return "\n".join(lines)


def gallery(entries, cards):
    """The samples of every model that has some, as a Markdown table of pictures."""
    names = [name for name in sorted(entries) if (cards / f"{name}.samples.png").exists()]
    cells = [f"![Samples of {name}](weights/cards/{name}.samples.png)<br>`{name}`" for name in names]
    if not cells:
        return "None yet."
    lines = ["| " * _COLUMNS + "|", "|---" * _COLUMNS + "|"]
    for start in range(0, len(cells), _COLUMNS):
        row = cells[start : start + _COLUMNS]
        lines.append(f"| {' | '.join(row + [''] * (_COLUMNS - len(row)))} |")
    return "\n".join(lines)


def mended(entries, cards):
    """Images, what was done to them and what came of it, of every model that mends, as Markdown."""
    names = [name for name in sorted(entries) if entries[name]["config"]["variant"] in _MENDING]
    shown = [name for name in names if (cards / f"{name}.png").exists()]
    lines = [f"{_link(name)}\n\n![Images, damage and restoration of {name}](weights/cards/{name}.png)" for name in shown]
    return "\n\n".join(lines) or "None yet."


def _link(name):
    return f"[`{name}`](weights/cards/{name}.md)"


def _figure(entry):
    metric = (entry.get("anchor") or {}).get("metric") or next(iter(entry["metrics"]), None)
    return _measured(entry, metric) if metric in entry["metrics"] else ""


def _measured(entry, metric):
    """A metric with its value and, in brackets, its baselines."""
    found = entry["metrics"][metric].get("baselines", {})
    beside = ", ".join(f"{name} {number(found[name])}" for name in BASELINES if name in found)
    return f"{metric} {figure(entry, metric)}{f' [{beside}]' if beside else ''}"


if __name__ == "__main__":
    try:
        render(Path(__file__).parents[2])
    except ZooError as fault:
        raise SystemExit(f"zoo: {fault}") from None
