"""Verification of weight files by hashes, and of models by reference features."""

import numpy as np

from zoo.errors import ZooError
from zoo.pretrained import foreign, manifest
from zoo.pretrained.cache import places
from zoo.pretrained.checkpoint import ForeignCheckpoint
from zoo.pretrained.hashes import NOT_FOUND, fault
from zoo.pretrained.public import address, public
from zoo.pretrained.resolve import is_name, resolve
from zoo.utils.quiet import keras_settings


def verify(names=None):
    """Compute the hashes of installed and cached weight files, and compare them with the manifest.

    Args:
        names: names of weight sets and public models, folders of saved models, addresses; by default all weight sets.

    Returns:
        A list of (name, status, detail). The status is "ok" if all files have the hashes stated by the manifest or the
        config of the model, "unpinned" if only the hash of the first download is known, "absent" or "corrupt". A set is
        corrupt if any copy is, even one that `load` would skip or download again.

    Raises:
        ZooError: if a name, folder or address does not denote a model.
    """
    return [(name, *_verify(name)) for name in names or sorted(manifest.read())]


def check_names(names):
    """Raises ZooError if something is neither a name nor the folder of a model, before any file is hashed."""
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
        return "unpinned", f"no hash of its files is known; they are in {name}"
    try:
        files = checkpoint.files()
    except ZooError as error:
        return "corrupt", str(error)
    return "ok", f"{sum(file.stat().st_size for file in files):,} bytes, sha256 {checkpoint.sha256()[:16]}"


def _verify_set(entry):
    faults = {path: fault(path, entry) for _, path in places(entry)}
    corrupt = [f"{path}: {reason}" for path, reason in faults.items() if reason not in (None, NOT_FOUND)]
    if corrupt:
        return "corrupt", f"{'; '.join(corrupt)}; delete it, and it will be downloaded again when it is needed"
    if None not in faults.values():
        return "absent", f"{entry['file']} is neither installed nor in the cache; to install it: {manifest.INSTALL}"
    return "ok", f"{entry['bytes']:,} bytes, sha256 {entry['sha256'][:16]}"


def reference_input(entry):
    """The input (n, *input_shape), float32 0..1, of the reference features of an entry."""
    reference = entry["reference_features"]
    return np.random.default_rng(reference["seed"]).random((reference["n"], *entry["config"]["input_shape"]), dtype=np.float32)


def verify_reference_features(name):
    """Largest difference between the features of a set and its reference features. Raises ZooError beyond the tolerance."""
    from zoo.pretrained.loading import load

    return reference_difference(name, manifest.entry(name), load(name).encode)


def reference_difference(name, entry, encode):
    """Largest difference between the reference features of a manifest entry and those by `encode`, a function of images.

    Raises:
        ZooError: if the entry has no reference features, or the difference is larger than their tolerance.
    """
    if "reference_features" not in entry:
        raise ZooError(f"the manifest entry {name!r} has no reference features to compare with; publish the set again.")
    wanted = np.asarray(entry["reference_features"]["features"])
    got = np.asarray(encode(reference_input(entry)))[:, : wanted.shape[-1]]
    if got.shape != wanted.shape:
        raise ZooError(
            f"{name} has features of shape {got.shape}, but reference features of shape {wanted.shape}; publish the set again."
        )
    difference = float(np.abs(got - wanted).max())
    # A comparison with NaN is false, so NaN fails.
    if not difference <= entry["reference_features"]["tolerance"]:
        raise ZooError(
            f"the features of {name} differ from its reference features by {difference:.2g}, expected at most "
            f"{entry['reference_features']['tolerance']:.2g}; download the file again, or compare the installed versions with "
            f"those of the card. Keras's settings are {keras_settings()}."
        )
    return difference
