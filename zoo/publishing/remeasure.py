"""Published sets measured again by the metrics that their recipes name now, and their cards written: no training.

The depth that features come from by default (`features` of a model's options) is the recipe's word as well, as long as the
arrays are the same: the config, the reference features and the recipe's record in the manifest follow it.

python -m zoo.cli.maintenance remeasure NAME...
"""

import dataclasses
import json
from pathlib import Path

from zoo.data import sources
from zoo.errors import ZooError
from zoo.evaluation.measurement import check, defaults
from zoo.modalities.image import image_file_shape
from zoo.models import registry
from zoo.pretrained import arrays, manifest
from zoo.publishing.card import write_card
from zoo.publishing.publish import measured, reference_features
from zoo.training.initialization.start import untrained
from zoo.training.recipe import load_recipe, recorded


def remeasure(name, data_dir=None, output_dir=None, only=None):
    """Measure a published set by its recipe's metrics, and write them to its manifest entry and card.

    Args:
        name: of the set.
        data_dir: where TFDS data lies.
        output_dir: the weights folder that it lies in; by default the zoo's own.
        only: names of metrics to measure, none if empty; others are kept where the entry has them, measured as the recipe asks.
            None measures all.

    Returns:
        The manifest entry, as it was written.

    Raises:
        ZooError: on a set that does not lie there, that another recipe trained, or of several seeds; nothing is written.
    """
    folder = Path(output_dir) if output_dir else manifest.weights_dir()
    entry, recipe = dict(manifest.entry(name, folder)), load_recipe(name)
    if _trains(recorded(entry)) != _trains(recipe):
        raise ZooError(f"{name} was trained by another recipe than {entry['recipe']['path']} holds now; train it anew.")
    if "seeds" in entry:
        raise ZooError(f"{name} is the median of several trainings, each of which has to be measured; train them anew.")
    config = {**entry["config"], "features": recipe.model["features"]} if _moved(entry, recipe) else entry["config"]
    model = registry.build(config)
    arrays.load_arrays(model, folder / entry["file"])
    if _moved(entry, recipe):
        entry["config"], entry["reference_features"] = model.config, reference_features(model)
        entry["recipe"] = {**entry["recipe"], "sha256": recipe.sha256(), **recipe.decides()}
    names = [metric if isinstance(metric, str) else metric["metric"] for metric in recipe.metrics]
    strange = [each for each in only or () if each not in names]
    if strange:
        raise ZooError(f"the recipe of {name} has no metric {strange[0]!r}, expected some of {', '.join(names)}.")
    asked = tuple(metric for each, metric in zip(names, recipe.metrics) if only is None or each in only)
    kept = {each: entry["metrics"][each] for each, given in check(recipe.metrics) if _as_asked(entry, each, given)}
    found = kept
    if asked:
        splits, _ = sources.load_splits(recipe.dataset, data_dir, image_file_shape(model.data_shape))
        found |= measured(dataclasses.replace(recipe, metrics=asked), model, splits, untrained(recipe))
    entry["metrics"] = {each: found[each] for each in names if each in found}
    manifest.write_entry(name, entry, folder)
    write_card(name, entry, folder / "cards")
    return entry


def _as_asked(entry, metric, given):
    """Whether an entry has a metric with the parameters that a recipe gives; the depth that reads best is any."""
    if metric not in entry["metrics"]:
        return False
    asked = json.loads(json.dumps({**defaults(metric), **given}))
    if asked.get("layer") == "best":
        del asked["layer"], asked["pool"]
    measured_by = entry["metrics"][metric].get("parameters", {})
    return all(measured_by.get(key, value) == value for key, value in asked.items())


def _moved(entry, recipe):
    """Whether the features of the recipe's model come from another depth than the entry's."""
    return "features" in recipe.model and entry["config"].get("features") != recipe.model["features"]


def _trains(recipe):
    """What decides the arrays of a recipe's weights: all that decides, but for the depth that features come from."""
    decides = recipe.decides()
    return {**decides, "model": {key: value for key, value in decides["model"].items() if key != "features"}}
