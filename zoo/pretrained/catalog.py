"""What weight sets there are, and what is known of each. Loads no framework."""

import fnmatch

from zoo.pretrained import manifest
from zoo.pretrained.checkpoint import ForeignCheckpoint
from zoo.pretrained.public import public
from zoo.pretrained.resolve import resolve


def list_weights(pattern="*"):
    """Names `<variant>_<backbone>.<dataset>` of every weight set in the manifest that `pattern` matches, sorted."""
    return sorted(fnmatch.filter(manifest.read(), pattern))


def info(name):
    """A mapping of what is known of a weight set: config, dataset, licence, metrics, file, sha256, bytes, recipe, backend,
    device, seed, versions, and the rest of its manifest entry.

    Of a public model of another library it is the entry of `zoo.pretrained.public`, of the folder or address of a model its
    config and hash, or all of the weight set that it is by them; None stands for what is not known.

    Raises:
        ZooError: if there is no such set, folder or address, with the nearest names.
    """
    unknown = dict.fromkeys(("config", "metrics", "file", "sha256", "bytes", "recipe", "backend", "device", "seed", "versions"))
    if name in public() and name not in manifest.read():
        return {"name": name, **unknown, **public()[name]}
    checkpoint = resolve(name)
    _, entry = checkpoint.weight_set() or (None, None)
    if entry is None:
        # The hash of another library's files is known once they are fetched, which is not done for this.
        digest = None if isinstance(checkpoint, ForeignCheckpoint) else checkpoint.sha256()
        return {**unknown, "name": str(name), "config": checkpoint.config, "sha256": digest}
    run = entry.get("run", {})
    return {"name": name, **entry, **{key: run.get(key) for key in ("backend", "device", "seed", "versions")}}
