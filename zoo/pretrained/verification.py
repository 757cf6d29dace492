"""Whether weight files, and the features that models give, are what the manifest states."""

import numpy as np

from zoo.errors import ZooError
from zoo.pretrained import foreign, manifest
from zoo.pretrained.cache import places
from zoo.pretrained.checkpoint import ForeignCheckpoint
from zoo.pretrained.hashes import fault
from zoo.pretrained.public import address, public
from zoo.pretrained.resolve import is_name, resolve


def verify(names=None):
    """Hash every weight file that lies on this machine again, installed or cached.

    Args:
        names: of weight sets and public models, folders of saved models, addresses; by default all weight sets.

    Returns:
        A list of (name, status, detail). The status is "ok" where all files have the hashes that the manifest or the model's
        own config states, "unpinned" where no hash is known but that of the first fetch, "absent" or "corrupt". A set is
        corrupt if any copy is, even one that `load` would pass over or fetch again: a disk or a hand has changed a file that
        nothing should change.

    Raises:
        ZooError: if a name, folder or address is none.
    """
    return [(name, *_verify(name)) for name in names or sorted(manifest.read())]


def check_names(names):
    """Raise a `ZooError` at what is no name and no folder of a model, before any file is hashed."""
    for name in names:
        if "://" not in name and not is_name(name):
            resolve(name)


def _verify(name):
    if name in manifest.read():
        return _verify_set(manifest.entry(name))
    if name in public():
        entry = public()[name]
        folder = foreign.cache_folder(address(entry), entry["subfolder"])
        return foreign.state_of(folder, entry["sha256"] or {}, entry["origin"])
    checkpoint = resolve(name)
    if isinstance(checkpoint, ForeignCheckpoint):
        if "://" in name:
            return foreign.state_of(foreign.cache_folder(name.rstrip("/")), {}, name)
        return "unpinned", f"no hash of its files is known; they lie in {name}"
    try:
        files = checkpoint.files()
    except ZooError as error:
        return "corrupt", str(error)
    return "ok", f"{sum(file.stat().st_size for file in files):,} bytes, sha256 {checkpoint.sha256()[:16]}"


def _verify_set(entry):
    faults = {path: fault(path, entry) for _, path in places(entry)}
    corrupt = [f"{path}: {reason}" for path, reason in faults.items() if reason not in (None, "not there")]
    if corrupt:
        return "corrupt", f"{'; '.join(corrupt)}; delete it, and it is fetched again on next use"
    if None not in faults.values():
        return "absent", f"{entry['file']} is neither installed nor in the cache; {manifest.INSTALL} brings it"
    return "ok", f"{entry['bytes']:,} bytes, sha256 {entry['sha256'][:16]}"


def reference_input(entry):
    """The input (n, *input_shape), float32 0..1, whose features an entry states."""
    reference = entry["reference_features"]
    return np.random.default_rng(reference["seed"]).random((reference["n"], *entry["config"]["input_shape"]), dtype=np.float32)


def verify_reference_features(name):
    """Largest difference between the features that a set gives today and those its entry states; `ZooError` beyond tolerance."""
    from zoo.pretrained.loading import load

    entry = manifest.entry(name)
    if "reference_features" not in entry:
        raise ZooError(f"the manifest entry {name!r} states no reference features to compare with; publish the set again.")
    wanted = np.asarray(entry["reference_features"]["features"])
    got = load(name).encode(reference_input(entry))[:, : wanted.shape[-1]]
    if got.shape != wanted.shape:
        raise ZooError(
            f"{name} gives features of shape {got.shape}, where its card states {wanted.shape}; publish the set again."
        )
    difference = float(np.abs(got - wanted).max())
    # Asked this way round, NaN fails.
    if not difference <= entry["reference_features"]["tolerance"]:
        raise ZooError(
            f"the features of {name} have drifted by {difference:.2g} from its card, which allows "
            f"{entry['reference_features']['tolerance']:.2g}; fetch the file again, or compare the installed versions with the "
            "card's."
        )
    return difference
