"""Trainings of one recipe that differ by the seed alone: the one in the middle is published, with what all of them gave.

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
        name: of the set, which each folder holds.
        metric: one that each was measured by.
        folders: weights folders, an odd number from 3 on, so that one lies in the middle.
        output_dir: where the set goes; by default the zoo's own weights.

    Returns:
        Its manifest entry, whose `seeds` has every metric's value by seed.

    Raises:
        ZooError: on folders that lack the set or the metric, or whose recipes differ by more than the seed; nothing is written.
    """
    folders = [Path(folder) for folder in folders]
    found = [manifest.read(folder) for folder in folders]
    lacking = [str(folder) for folder, sets in zip(folders, found) if name not in sets]
    if lacking:
        raise ZooError(f"there is no {name} in {', '.join(lacking)}, expected what --output-dir was of each of its trainings.")
    entries = [sets[name] for sets in found]
    seeds = [entry["run"]["seed"] for entry in entries]
    if len(seeds) < 3 or len(seeds) % 2 == 0 or len(set(seeds)) < len(seeds):
        raise ZooError(f"got trainings with the seeds {seeds}, expected an odd number of different ones, 3 or more.")
    for folder, entry in zip(folders, entries):
        if metric not in entry["metrics"]:
            raise ZooError(f"{name} in {folder} was not measured by {metric!r}, expected one of {', '.join(entry['metrics'])}.")
        if _of_all(entry) != _of_all(entries[0]):
            raise ZooError(f"{name} in {folder} was trained by another recipe than in {folders[0]}; train both by the same.")
    order = sorted(range(len(entries)), key=lambda i: entries[i]["metrics"][metric]["value"])
    source, entry = folders[order[len(order) // 2]], dict(entries[order[len(order) // 2]])
    # The folder that it goes to counts the revisions.
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


def _of_all(entry):
    """What is the same of all trainings: the recipe, but for the seed and the hash that it changes."""
    return {key: value for key, value in entry["recipe"].items() if key not in ("seed", "sha256")}
