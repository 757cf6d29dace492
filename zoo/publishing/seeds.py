"""Several trainings of a recipe that differ only in the seed: the median is published, with the results of all of them.

python training_scripts/NAME.py --seed 1 --output-dir seeds/1 --run-dir runs/1    # and so on
python -m zoo.cli.maintenance seeds NAME METRIC seeds/0 seeds/1 seeds/2
"""

import shutil
from pathlib import Path

from zoo.errors import ZooError
from zoo.pretrained import manifest
from zoo.publishing.card import write_card
from zoo.utils.files import write_atomically


def publish_median(name, metric, folders, output_dir=None):
    """Publish the weight set whose `metric` is the median of those in several weights folders.

    Args:
        name: of the set, which each folder contains.
        metric: name of a metric that was measured for all of them.
        folders: weights folders, an odd number of them, 3 or more, so that there is a median.
        output_dir: weights folder to write to; by default the zoo's own.

    Returns:
        The manifest entry, whose `seeds` has the value of each metric for each seed.

    Raises:
        ZooError: if a folder lacks the set or the metric, or the recipes differ in more than the seed. Nothing is written then.
    """
    folders = [Path(folder) for folder in folders]
    found = [manifest.read(folder) for folder in folders]
    lacking = [str(folder) for folder, sets in zip(folders, found) if name not in sets]
    if lacking:
        raise ZooError(f"{name} is not in {', '.join(lacking)}; give the --output-dir of each training.")
    entries = [sets[name] for sets in found]
    seeds = [entry["run"]["seed"] for entry in entries]
    if len(seeds) < 3 or len(seeds) % 2 == 0 or len(set(seeds)) < len(seeds):
        raise ZooError(f"got trainings with the seeds {seeds}, expected an odd number of different seeds, 3 or more.")
    for folder, entry in zip(folders, entries):
        if metric not in entry["metrics"]:
            raise ZooError(f"{name} in {folder} has no metric {metric!r}, expected one of {', '.join(entry['metrics'])}.")
        if _shared_settings(entry) != _shared_settings(entries[0]):
            raise ZooError(
                f"{name} in {folder} was trained by a different recipe than in {folders[0]}; use the same recipe for all."
            )
    order = sorted(range(len(entries)), key=lambda i: entries[i]["metrics"][metric]["value"])
    source, entry = folders[order[len(order) // 2]], dict(entries[order[len(order) // 2]])
    # Revisions are counted by the target folder.
    entry.pop("revision", None)
    values = {key: {str(seed): e["metrics"][key]["value"] for seed, e in zip(seeds, entries)} for key in entry["metrics"]}
    entry["seeds"] = {"median_of": metric, "values": values}
    target = Path(output_dir) if output_dir else manifest.weights_dir()
    earlier = manifest.read(target).get(name)
    cards = target / "cards"
    cards.mkdir(parents=True, exist_ok=True)
    write_atomically(target / entry["file"], (source / entry["file"]).read_bytes())
    manifest.write_entry(name, entry, target)
    if earlier and earlier["file"] != entry["file"]:
        (target / earlier["file"]).unlink(missing_ok=True)
    if cards.resolve() != (source / "cards").resolve():
        for path in cards.glob(f"{name}.*"):
            path.unlink()
        for path in (source / "cards").glob(f"{name}.*"):
            shutil.copy(path, cards / path.name)
    entry = manifest.entry(name, target)
    write_card(name, entry, cards)
    return entry


def _shared_settings(entry):
    """The part of the recipe that all trainings share: everything except the seed and the hash, which depends on it."""
    return {key: value for key, value in entry["recipe"].items() if key not in ("seed", "sha256")}
