"""Measure published sets again, without training, by the current metrics of their recipes, and write their cards.

The encoder depth that features are taken from by default (the model option `features`) is taken from the recipe, too, as long
as the arrays are the same. The config, the reference features and the recipe in the manifest are then updated.

python -m zoo.cli.maintenance remeasure NAME...
"""

import dataclasses
import json
from pathlib import Path

from zoo.errors import ZooError
from zoo.evaluation.measurement import check, defaults
from zoo.models import registry
from zoo.pretrained import arrays, manifest
from zoo.publishing.card import write_card
from zoo.publishing.publish import measured, reference_features
from zoo.training.initialization.start import untrained
from zoo.training.recipe import load_recipe, recorded
from zoo.training.splits import load_splits


def remeasure(name, data_dir=None, output_dir=None, only=None):
    """Measure a published set by the metrics of its recipe, and write them to its manifest entry and card.

    Args:
        name: of the set.
        data_dir: folder of the TFDS data.
        output_dir: weights folder that contains the set; by default the zoo's own.
        only: names of the metrics to measure; the others are kept if the entry has them with the parameters of the recipe. An
            empty sequence measures none; None measures all.

    Returns:
        The manifest entry that was written.

    Raises:
        ZooError: if the folder does not contain the set, if a different recipe trained it, or if it is the median of several
            seeds. Nothing is written then.
    """
    folder = Path(output_dir) if output_dir else manifest.weights_dir()
    entry, recipe = dict(manifest.entry(name, folder)), load_recipe(name)
    if _trains(recorded(entry)) != _trains(recipe):
        raise ZooError(f"{name} was trained by a different recipe than {entry['recipe']['path']} now contains; train it again.")
    if "seeds" in entry:
        raise ZooError(f"{name} is the median of several trainings, all of which have to be measured; train them again.")
    config = {**entry["config"], "features": recipe.model["features"]} if _features_moved(entry, recipe) else entry["config"]
    model = registry.build(config)
    arrays.load_arrays(model, folder / entry["file"])
    if _features_moved(entry, recipe):
        entry["config"], entry["reference_features"] = model.config, reference_features(model)
        entry["recipe"] = {**entry["recipe"], "sha256": recipe.sha256(), **recipe.decides()}
    names = [metric if isinstance(metric, str) else metric["metric"] for metric in recipe.metrics]
    unknown = [each for each in only or () if each not in names]
    if unknown:
        raise ZooError(f"the recipe of {name} has no metric {unknown[0]!r}, expected some of {', '.join(names)}.")
    asked = tuple(metric for each, metric in zip(names, recipe.metrics) if only is None or each in only)
    kept = {each: entry["metrics"][each] for each, given in check(recipe.metrics) if _has_metric(entry, each, given)}
    found = kept
    if asked:
        splits, _ = load_splits(recipe, data_dir)
        found |= measured(dataclasses.replace(recipe, metrics=asked), model, splits, data_dir, untrained(recipe))
    entry["metrics"] = {each: found[each] for each in names if each in found}
    manifest.write_entry(name, entry, folder)
    write_card(name, entry, folder / "cards")
    return entry


def _has_metric(entry, metric, given):
    """Whether an entry has a metric with the parameters that a recipe gives; any depth matches layer="best"."""
    if metric not in entry["metrics"]:
        return False
    asked = json.loads(json.dumps({**defaults(metric), **given}))
    if asked.get("layer") == "best":
        del asked["layer"], asked["pool"]
    measured_by = entry["metrics"][metric].get("parameters", {})
    return all(measured_by.get(key, value) == value for key, value in asked.items())


def _features_moved(entry, recipe):
    """Whether the recipe takes the features from a different depth than the entry."""
    return "features" in recipe.model and entry["config"].get("features") != recipe.model["features"]


def _trains(recipe):
    """The settings that the arrays of the weights depend on: all settings except the depth of the features."""
    decides = recipe.decides()
    return {**decides, "model": {key: value for key, value in decides["model"].items() if key != "features"}}
