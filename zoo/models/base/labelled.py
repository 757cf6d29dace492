"""Models that learn from images and labels: `fit({"images": (N, ...), "labels": (N,)})`, -1 for a label that is unknown."""

from collections.abc import Mapping

import numpy as np

from zoo.errors import ZooError
from zoo.modalities.tensors import to_unit
from zoo.models.base.autoencoder import Autoencoder


class LabelledAutoencoder(Autoencoder):
    """Takes plain images, too, as images whose labels are all unknown."""

    def call(self, x, training=None):
        images, labels = split(x)
        h = self.encoder.backbone(to_unit(images, self.compute_dtype), training=training)
        return self.decoder.backbone(self.bottleneck(h, labels=labels, training=training), training=training)

    def _target(self, x, y):
        return super()._target(split(x)[0], y)

    def sample(self, n, seed=0, batch_size=256, labels=None):
        """`n` images, float32 0..1, from the prior: of `labels`, an integer or (n,) of them, or of labels drawn evenly."""
        if labels is None:
            return super().sample(n, seed, batch_size)
        labels, classes = np.asarray(labels), self.bottleneck.classes
        if (
            n < 1
            or labels.shape not in ((), (n,))
            or labels.dtype.kind not in "iu"
            or not 0 <= labels.min() <= labels.max() < classes
        ):
            raise ZooError(f"got n={n} and labels={labels!r}, expected one integer, or one a sample, from 0 to {classes - 1}.")
        return self.decode(self.bottleneck.sample_labelled(np.broadcast_to(labels, (n,)), seed), batch_size)


def split(x):
    """Images and labels, the latter None for plain images."""
    if not isinstance(x, Mapping):
        return x, None
    if set(x) != {"images", "labels"}:
        raise ZooError(f"got a mapping of {', '.join(map(str, x))}, expected 'images' and 'labels', or images alone.")
    return x["images"], x["labels"]


def check_classes(classes):
    """`ZooError` for a number of classes that is none."""
    if not isinstance(classes, int) or classes < 2:
        raise ZooError(f"got classes={classes!r}, expected at least 2.")
