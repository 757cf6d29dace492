"""Models trained on images and labels: `fit({"images": (N, ...), "labels": (N,)})`, -1 for an unknown label."""

from collections.abc import Mapping

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image_rule import ImageRule
from zoo.modalities.tensors import to_unit
from zoo.models.base.autoencoder import Autoencoder
from zoo.utils.numbers import is_whole


class LabelledAutoencoder(Autoencoder):
    """Also accepts plain images, as images with unknown labels."""

    def call(self, x, training=None):
        images, labels = split(x)
        h = self.encoder.backbone(to_unit(images, self.compute_dtype), training=training)
        return self.decoder.backbone(self.bottleneck(h, labels=labels, training=training), training=training)

    @property
    def input_rule(self):
        """The rule of the images, and whole numbers from -1 to the last class as labels."""
        return LabelledRule(super().input_rule, self.bottleneck.classes)

    def _target(self, x, y):
        return super()._target(split(x)[0], y)

    def _reconstruct(self, x):
        return super()._reconstruct(split(x)[0])

    def sample(self, n, seed=0, batch_size=256, labels=None):
        """`n` images, float32 0..1, from the prior: for `labels`, an integer or (n,) integers, or for random labels."""
        if labels is None:
            return super().sample(n, seed, batch_size)
        labels, classes = np.asarray(labels), self.bottleneck.classes
        if (
            n < 1
            or labels.shape not in ((), (n,))
            or labels.dtype.kind not in "iu"
            or not 0 <= labels.min() <= labels.max() < classes
        ):
            raise ZooError(f"got n={n} and labels={labels!r}, expected one integer, or one per sample, from 0 to {classes - 1}.")
        return self.decode(self.bottleneck.sample_labelled(np.broadcast_to(labels, (n,)), seed), batch_size)


class LabelledRule(ImageRule):
    """An `ImageRule` for images alone or a mapping of images and labels.

    Args:
        images: the `ImageRule` of the images.
        classes: number of classes.
    """

    def __init__(self, images, classes):
        super().__init__(images.shapes, images.target_shape, images.probabilities)
        self.classes = classes

    def check(self, x, y=None, compared=False):
        images, labels = split(x)
        super().check(images, y, compared)
        if labels is not None:
            check_labels(labels, self.classes)

    def check_shape(self, x):
        super().check_shape(split(x)[0])


def check_labels(labels, classes):
    """Raise ZooError unless labels (N,) are whole numbers from 0 to `classes` - 1, or -1 for unknown labels."""
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ZooError(f"got labels of shape {labels.shape}, expected one integer per image, (N,); flatten them first.")
    expected = f"expected whole numbers from 0 to {classes - 1}, or -1 for an unknown label"
    if labels.dtype.kind not in "biuf":
        raise ZooError(f"got labels of dtype {labels.dtype}, {expected}; number the classes first.")
    if labels.dtype.kind == "f" and not np.all(labels == np.floor(labels)):
        fault = labels[labels != np.floor(labels)][0]
        raise ZooError(f"got the label {fault:g}, {expected}.")
    low, high = labels.min(initial=0), labels.max(initial=0)
    if low < -1 or high >= classes:
        hint = "; subtract 1 from labels that start at 1" if high == classes and labels.min() >= 1 else ""
        raise ZooError(f"got labels from {labels.min():g} to {high:g}, {expected}{hint}.")


def split(x):
    """Images and labels; labels are None for plain images."""
    if not isinstance(x, Mapping):
        return x, None
    if set(x) != {"images", "labels"}:
        raise ZooError(f"got a mapping of {', '.join(map(str, x))}, expected 'images' and 'labels', or images only.")
    return x["images"], x["labels"]


def check_classes(classes):
    """Raise ZooError if `classes` is not a valid number of classes."""
    if not is_whole(classes) or classes < 2:
        raise ZooError(f"got classes={classes!r}, expected at least 2.")
