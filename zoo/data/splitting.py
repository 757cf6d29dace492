"""Random splits into images to train on and images to hold out."""

import numpy as np

from zoo.errors import ZooError


def split(count, labels, share, seed, names=None):
    """Sorted indices of the images to train on and to hold out: `share` of each class, at least one image of each class.

    The choice is random, because images are often sorted: the last ones may all have one class or date. It depends on the seed
    only.

    Args:
        count: number of images.
        labels: integers (N,), or None to treat all images as one class.
        share: fraction to hold out, above 0 and below 1.
        seed: random seed.
        names: list of class names, for errors.

    Raises:
        ZooError: if a class has only one image.
    """
    rng = np.random.default_rng(seed)
    kinds = np.zeros(count, int) if labels is None else np.asarray(labels)
    held = []
    for kind in np.unique(kinds):
        members = rng.permutation(np.flatnonzero(kinds == kind))
        if len(members) < 2:
            of = "" if labels is None else f" of class {kind if names is None else repr(names[kind])}"
            each = " of each" if of else ""
            raise ZooError(f"got one image{of}, expected at least two{each}: one for training and one for validation.")
        held += list(members[: min(len(members) - 1, max(1, round(share * len(members))))])
    held = np.sort(held)
    return np.setdiff1d(np.arange(count), held), held
