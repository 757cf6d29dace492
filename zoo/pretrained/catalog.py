"""The list of weight sets, and information about models. Loads no framework."""

import fnmatch

from zoo.pretrained import manifest
from zoo.pretrained.checkpoint import ForeignCheckpoint
from zoo.pretrained.public import public
from zoo.pretrained.resolve import resolve


def list_weights(pattern="*"):
    """Sorted names `<variant>_<backbone>.<dataset>` of all weight sets that match `pattern`, with the wildcards * and ?."""
    return sorted(fnmatch.filter(manifest.read(), pattern))


def info(name):
    """Information about a weight set: a mapping with config, dataset, licence, metrics, file, sha256, bytes, recipe, backend,
    device, seed, versions, and the rest of its manifest entry.

    For a public model, it is the entry of `zoo.pretrained.public`. For the folder or address of a model, it is the information
    about the weight set with the same config and hash, or the config and hash only. Unknown fields are None.

    Raises:
        ZooError: if there is no such set, folder or address; the message suggests similar names.
    """
    unknown = dict.fromkeys(("config", "metrics", "file", "sha256", "bytes", "recipe", "backend", "device", "seed", "versions"))
    if name in public() and name not in manifest.read():
        return {"name": name, **unknown, **public()[name]}
    checkpoint = resolve(name)
    _, entry = checkpoint.weight_set() or (None, None)
    if entry is None:
        # The hash of another library's files is known only after a download, which `info` does not start.
        digest = None if isinstance(checkpoint, ForeignCheckpoint) else checkpoint.sha256()
        return {**unknown, "name": str(name), "config": checkpoint.config, "sha256": digest}
    run = entry.get("run", {})
    return {"name": name, **entry, **{key: run.get(key) for key in ("backend", "device", "seed", "versions")}}
