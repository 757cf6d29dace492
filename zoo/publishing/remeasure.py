"""Published sets measured again by the metrics that their recipes name now, and their cards written: no training.

python -m zoo.cli.maintenance remeasure NAME...
"""

from pathlib import Path

from zoo.data import sources
from zoo.errors import ZooError
from zoo.modalities.image import picture_shape
from zoo.models import registry
from zoo.pretrained import loading as weights
from zoo.pretrained import manifest
from zoo.publishing.card import write_card
from zoo.publishing.publish import measured
from zoo.training.recipe import load_recipe
from zoo.training.start import untrained


def remeasure(name, data_dir=None, output_dir=None):
    """Measure a published set by its recipe's metrics, and write them to its manifest entry and card.

    Args:
        name: of the set.
        data_dir: where TFDS data lies.
        output_dir: the weights folder that it lies in; by default the zoo's own.

    Returns:
        The manifest entry, as it was written.

    Raises:
        ZooError: on a set that does not lie there, that another recipe trained, or of several seeds; nothing is written.
    """
    folder = Path(output_dir) if output_dir else manifest.weights_dir()
    entry, recipe = dict(manifest.entry(name, folder)), load_recipe(name)
    if entry["recipe"]["sha256"] != recipe.sha256():
        raise ZooError(f"{name} was trained by another recipe than {entry['recipe']['path']} holds now; train it anew.")
    if "seeds" in entry:
        raise ZooError(f"{name} is the median of several trainings, each of which has to be measured; train them anew.")
    model = registry.build(entry["config"])
    weights.load_arrays(model, folder / entry["file"])
    splits, _ = sources.load_splits(recipe.dataset, data_dir, picture_shape(model.data_shape))
    entry["metrics"] = measured(recipe, model, splits, untrained(recipe))
    manifest.write_entry(name, entry, folder)
    write_card(name, entry, folder / "cards")
    return entry
