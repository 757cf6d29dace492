"""Which images are held out of training."""

import numpy as np

from zoo.errors import ZooError


def split(count, labels, share, seed, names=None):
    """Indices to train on and to hold out, sorted: `share` of each class, at least one of each, the same for a seed.

    Drawn, for images often come sorted: the last of them may all be of one class, or one day.

    Args:
        count: number of images.
        labels: integers (N,), or None for a share of all.
        share: to hold out, above 0, below 1.
        seed: of the draw.
        names: of the classes, for errors.

    Raises:
        ZooError: on a single image of a class.
    """
    rng = np.random.default_rng(seed)
    kinds = np.zeros(count, int) if labels is None else np.asarray(labels)
    held = []
    for kind in np.unique(kinds):
        members = rng.permutation(np.flatnonzero(kinds == kind))
        if len(members) < 2:
            of = "" if labels is None else f" of class {kind if names is None else repr(names[kind])}"
            raise ZooError(f"got one image{of}, expected two or more{of and ' of each'}: one to learn from, one to hold out.")
        held += list(members[: min(len(members) - 1, max(1, round(share * len(members))))])
    held = np.sort(held)
    return np.setdiff1d(np.arange(count), held), held
