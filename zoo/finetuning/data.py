"""The images of a source to fine-tune on, with their classes and splits."""

from dataclasses import dataclass

import numpy as np

from zoo.data import sources
from zoo.data.image_folder import scan
from zoo.errors import ZooError


@dataclass(frozen=True)
class FineTuningData:
    """Images and classes of a source.

    Attributes:
        images: (N, H, W, C), uint8 or floats 0..1, to train on and, without `validation`, to hold out images from.
        labels: integers (N,), indices into `names`, or None without classes.
        names: list of class names, or None.
        validation, test: pairs (images, labels), or None if the source has no such split.
        skipped: list of the ids of images that could not be read.
        notes: messages about how the source was read.
    """

    images: np.ndarray
    labels: np.ndarray | None
    names: list | None
    validation: tuple | None
    test: tuple | None
    skipped: list
    notes: list


def read(source, classes, data_dir=None, image_shape=None, resize=False, skip_unreadable=False):
    """The `FineTuningData` of a source, see `zoo.data.sources.load`; with `classes`, each class must have a readable image.

    Sub-folders `train`, `validation` (or `val`, `valid`) and `test` are read as splits, with the classes in them.

    Raises:
        ZooError: if `classes` is true and there are no classes, images are outside the class folders, or a class has no image;
            and for the errors of `zoo.data.sources.load`.
    """
    kind = sources.kind_of(source)
    splits = sources.folder_splits(source) or ("train",)
    options = dict(resize=resize, skip_unreadable=skip_unreadable)
    parts, shape = {}, image_shape
    for split in splits:
        parts[split] = sources.load(source, split, data_dir, image_shape=shape, **options)
        shape = shape or parts[split].images.shape[1:]
    train = parts["train"]
    names, labels = None, dict.fromkeys(parts)
    if classes:
        if kind == "folder":
            _check_classes(source, train)
        names = _class_names(source, train)
        labels = {split: _numbers(source, split, part, train, names) for split, part in parts.items()}
    skipped = [name for part in parts.values() for name in part.skipped]
    notes = list(dict.fromkeys(line for part in parts.values() for line in part.notes))
    validation, test = ((parts[split].images, labels[split]) if split in parts else None for split in ("validation", "test"))
    return FineTuningData(train.images, labels["train"], names, validation, test, skipped, notes)


def read_rows(source, modality, column=None):
    """The `FineTuningData` of a source without splits, such as the file of a table; `column` is that of the classes, or None."""
    data = modality.load(source, None) if column is None else modality.load_labelled(source, column)
    return FineTuningData(data.images, data.labels, data.class_names, None, None, list(data.skipped), list(data.notes))


def _class_names(source, data):
    if data.labels is None or len(np.unique(data.labels)) < 2:
        raise ZooError(
            f"{source} has no classes, expected two or more sub-folders, one per class, or a data set with labels; sort images "
            "into folders, or give --autoencode to train without classes."
        )
    return data.class_names or [str(label) for label in np.unique(data.labels)]


def _check_classes(source, data):
    """Raises ZooError if images are outside the class folders, or a class has no readable image."""
    names = data.class_names or []
    if "." in names:
        outside = int(np.sum(np.asarray(data.labels) == names.index(".")))
        raise ZooError(f"{source} contains {outside} images outside the class folders; move them into these or remove them.")
    folder = scan(source)
    lost = {folder.class_of(name) for name in data.skipped} - {names[i] for i in (data.labels if names else ())} - {"."}
    if lost:
        which = ", ".join(map(repr, sorted(lost)))
        raise ZooError(f"{source}: no image of the class {which} can be read; repair the images, or remove the folder.")
    if folder.imageless:
        raise ZooError(f"the folders {', '.join(folder.imageless)} of {source} contain no images; add images or remove them.")


def _numbers(source, split, data, train, names):
    """The labels of a split as class indices. Raises ZooError if a class has no images to train on."""
    labels = np.asarray(data.labels)
    if not data.class_names:
        return np.searchsorted(np.unique(train.labels), labels)
    missing = sorted(set(labels.tolist()) - set(np.asarray(train.labels).tolist()))
    if missing:
        which = ", ".join(repr(names[i]) for i in missing)
        raise ZooError(f"the split {split!r} of {source} has the class {which}, which has no images to train on.")
    return labels
