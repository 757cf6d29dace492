"""Pages that are written anew for each build: one a variant, the recipes, the reference. What they say is what the code says."""

import ast
import re
from pathlib import Path

from mkdocs.structure.files import File

from zoo.models import registry
from zoo.pretrained import manifest
from zoo.publishing.card import number
from zoo.training.recipe import recipes

ROOT = Path(__file__).parents[1]
REFERENCE = {
    "Models by name": ("zoo.models.registry", "zoo.pretrained.loading", "zoo.pretrained.verification", "zoo.pretrained.hub"),
    "The model": (
        "zoo.models.base.autoencoder",
        "zoo.models.base.encoder",
        "zoo.models.base.decoder",
        "zoo.inference.tiling",
    ),
    "Models of other libraries": (
        "zoo.pretrained.foreign",
        "zoo.pretrained.public",
        "zoo.pretrained.converters",
        "zoo.pretrained.converters.families",
    ),
    "Features": (
        "zoo.inference.features",
        "zoo.models.base.resizing",
        "zoo.inference.ray",
        "zoo.inference.runtimes",
        "zoo.inference.export.exporting",
        "zoo.inference.quantization",
    ),
    "Losses": ("zoo.losses",),
    "Data": ("zoo.data.sources", "zoo.data.parquet", "zoo.data.writers", "zoo.data.sprites", "zoo.data.pipeline"),
    "Training": ("zoo.training.recipe", "zoo.training.fit", "zoo.tuning.search", "zoo.tuning.space"),
    "Fine-tuning": ("zoo.finetuning.finetune", "zoo.finetuning.adapt"),
    "Measuring": ("zoo.evaluation.measurement", "zoo.evaluation.probes", "zoo.evaluation.likelihood", "zoo.evaluation.frechet"),
    "Anomalies": ("zoo.anomaly", "zoo.sklearn"),
    "Samplers": tuple(f"zoo.samplers.{path.stem}" for path in sorted((ROOT / "zoo" / "samplers").glob("[!_]*.py"))),
}


def on_config(config):
    variants = [{name: f"variants/{name}.md"} for name in registry.variants()]
    reference = [{title: f"reference/{_slug(title)}.md"} for title in REFERENCE]
    config.nav = [
        {"Quickstart": "index.md"},
        {"The five rooms": "concepts.md"},
        {"Variants": ["variants/index.md", *variants]},
        {"Backbones": [{name: f"backbones/{name}.md"} for name in _backbones()]},
        {"Recipes": "recipes.md"},
        {"How weights are verified": "weights.md"},
        {"Many images, small models": "scale.md"},
        {"Long trainings": "queue.md"},
        {"Experiment trackers": "trackers.md"},
        {"Reference": reference},
    ]
    return config


def on_files(files, config):
    entries = manifest.read(ROOT / "weights")

    def page(path, content):
        files.append(File.generated(config, path, content=content))

    rows = "\n".join(f"| [`{name}`]({name}.md) | {about} |" for name, about in registry.variants().items())
    page("variants/index.md", f"# Variants\n\n| variant | idea and paper |\n|---|---|\n{rows}\n")
    for name in registry.variants():
        page(f"variants/{name}.md", _variant(name, entries))
    for name in _backbones():
        page(f"backbones/{name}.md", f"# `{name}`\n\n::: zoo.backbones.{name}\n")
    page("recipes.md", _recipes(entries))
    for title, modules in REFERENCE.items():
        page(f"reference/{_slug(title)}.md", f"# {title}\n\n" + "\n".join(f"::: {module}\n" for module in modules))
    for picture in (ROOT / "weights" / "cards").glob("*.png"):
        files.append(File.generated(config, f"cards/{picture.name}", abs_src_path=str(picture)))
    return files


def _backbones():
    return sorted({name.rpartition("_")[2] for name in registry.list_models()})


def _slug(title):
    return title.lower().replace(" ", "-")


def _variant(name, entries):
    path = ROOT / "zoo" / "models" / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, *rest = ast.get_docstring(tree).split("\n\n")
    lines = [f"# `{name}`", "", _joined(title), ""]
    for paragraph in rest:
        # An equation stands alone and ends without a full stop.
        lines += [_joined(paragraph), ""] if paragraph.rstrip().endswith((".", ":")) else ["```text", paragraph, "```", ""]
    sets = {key: entry for key, entry in sorted(entries.items()) if entry["config"]["variant"] == name}
    if sets:
        lines += ["## Weights", ""]
    for key, entry in sets.items():
        figures = ", ".join(f"{metric} {number(result['value'])}" for metric, result in entry["metrics"].items())
        lines += [f"`{key}`: {figures}.", ""]
        for suffix in ("", ".samples", ".plane"):
            if (ROOT / "weights" / "cards" / f"{key}{suffix}.png").exists():
                lines += [f"![Pictures of {key}](../cards/{key}{suffix}.png)", ""]
    lines += ["## How it is built", "", f"::: zoo.models.{name}.build", ""]
    layers = _layers(tree)
    if layers:
        lines += ["## Its layers", "", *(f"::: {layer}\n" for layer in layers)]
    return "\n".join(lines)


def _joined(paragraph):
    return re.sub(r"\s*\n\s*", " ", paragraph)


def _layers(tree):
    """Modules of `zoo.layers` that a variant's file reads, but for those that all have."""
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    common = ("bottlenecks.code", "loss_layer", "state", "blocks.fold")
    return sorted(m for m in modules if m.startswith("zoo.layers.") and m not in {f"zoo.layers.{c}" for c in common})


def _recipes(entries):
    lines = ["# Recipes", "", "What each weight set was trained by; `zoo train NAME` runs it again.", ""]
    for name, path in recipes().items():
        known = "" if name in entries else " (no weights yet)"
        lines += [f"## `{name}`{known}", "", "```python", path.read_text(encoding="utf-8").rstrip(), "```", ""]
    return "\n".join(lines)
