"""HTML page with a card for each weight set, from the manifest, the figures of the cards and the training histories."""

import html
import shutil
from pathlib import Path

from zoo.errors import ZooError
from zoo.models import registry
from zoo.pretrained import manifest
from zoo.publishing.card import baselines, figure, number
from zoo.publishing.gallery import chart
from zoo.utils.files import write_atomically

_PICTURES = {
    ".png": "Test images and their reconstructions",
    ".samples.png": "Samples from the prior",
    ".plane.png": "Latent plane",
}
_HEADS = "".join(f'<th scope="col">{head}</th>' for head in ("metric", "value", "compared with"))


def write(folder, weights=None):
    """Write `index.html`, and the images that it shows, to `folder`; returns the number of cards.

    Args:
        folder: created if it does not exist; other files in it are kept.
        weights: a weights folder; by default the zoo's own.

    Raises:
        ZooError: if there are no weight sets, or `folder` is a file.
    """
    weights, folder = Path(weights or manifest.weights_dir()), Path(folder)
    entries = manifest.read(weights)
    if not entries:
        raise ZooError(f"{weights} contains no weight sets to show.")
    if folder.exists() and not folder.is_dir():
        raise ZooError(f"{folder} is a file, expected a folder for the page.")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    cards = "\n".join(_card(name, entry, weights / "cards", folder) for name, entry in sorted(entries.items()))
    template = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    page = template.replace("{{count}}", str(len(entries))).replace("{{cards}}", cards)
    write_atomically(folder / "index.html", page.encode())
    return len(entries)


def _card(name, entry, cards, folder):
    text = html.escape
    pictures = []
    for suffix, caption in _PICTURES.items():
        if (cards / f"{name}{suffix}").is_file():
            shutil.copyfile(cards / f"{name}{suffix}", folder / "images" / f"{name}{suffix}")
            source = text(f"images/{name}{suffix}")
            pictures.append(
                f'<figure><a href="{source}"><img src="{source}" alt="{text(caption)} of {text(name)}" loading="lazy"></a>'
                f"<figcaption>{text(caption)}</figcaption></figure>"
            )
    curve = chart.curve(chart.read(cards / f"{name}.history.csv"), name)
    if curve:
        pictures.append(f"<figure>{curve}<figcaption>Training loss by epoch</figcaption></figure>")
    run, baseline = entry["run"], entry.get("baseline") or {}
    rows = []
    for metric, result in entry["metrics"].items():
        stated = [f"{number(value)} <small>{text(name)}</small>" for name, value in baselines(entry, metric).items()]
        stated += (
            [f"{number(baseline['value'])} <small>{text(baseline['source'])}</small>"] if baseline.get("metric") == metric else []
        )
        compared = "<br>".join(stated)
        rows.append(
            f'<tr><th scope="row">{text(metric)}</th>'
            f'<td title="{text(str(result.get("protocol", "")))}">{text(figure(entry, metric))}</td><td>{compared}</td></tr>'
        )
    shape = ", ".join(map(str, entry["config"]["input_shape"]))
    code = f'model = zoo.load("{name}")\nfeatures = model.encode(images)  # (N, {shape})'
    facts = [
        entry["dataset"]["name"],
        f"{entry['bytes'] / 1e6:.1f} MB",
        f"{run['parameters']:,} parameters",
        f"{run['epochs']} epochs",
        "in the main package" if entry.get("embedded") else "in autoencoder-zoo-weights",
    ]
    words = f"{name} {entry['paper']} {entry['dataset']['name']}".lower()
    return (
        f'<article id="{text(name)}" data-words="{text(words)}"><h2><a href="#{text(name)}">{text(name)}</a></h2>'
        f"<p>{text(registry.variants().get(entry['config']['variant'], entry['paper']))}</p>"
        f'<ul class="facts">{"".join(f"<li>{text(fact)}</li>" for fact in facts)}</ul>'
        f'<div class="pictures">{"".join(pictures)}</div>'
        f"<table><thead><tr>{_HEADS}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
        f'<div class="code"><button type="button">copy</button><pre><code>{text(code)}</code></pre></div></article>'
    )
