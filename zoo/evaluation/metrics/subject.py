"""What metrics are measured on."""

import numpy as np

from zoo.data import sources
from zoo.errors import ZooError
from zoo.evaluation import probes
from zoo.modalities.image import picture_shape


class Subject:
    """A model and its data, with what several metrics share computed once.

    `dataset` is a name, or a mapping of "train" and "test" to `zoo.data.sources.Data`.
    """

    def __init__(self, model, dataset, data_dir, seed, progress):
        self._given = dataset if isinstance(dataset, dict) else {}
        self.dataset = self._given["test"].name if self._given else dataset
        self.model, self.data_dir, self.seed, self.progress = model, data_dir, seed, progress
        self._known = {}

    def once(self, key, compute):
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def data(self, split):
        if self._given:
            return self._given[split]
        shape = picture_shape(self.model.data_shape)
        return self.once(("data", split), lambda: sources.load(self.dataset, split, self.data_dir, image_shape=shape))

    def train(self):
        """The training split; one that is the test split again would make every figure that needs it a false one."""
        train, test = self.data("train"), self.data("test")
        if train is test or self.once("one split", lambda: np.array_equal(train.images, test.images)):
            raise ZooError(
                f"{self.dataset} has one split only, expected training and test images of their own for a probe or pca_mse; give "
                "an .npz file with x_train, y_train, x_test and y_test, or a TFDS name."
            )
        return train

    def test_images(self, n=None):
        images = self.data("test").images
        if n is not None and not 1 <= n <= len(images):
            raise ZooError(f"got n={n}, expected between 1 and the {len(images)} images of the test split of {self.dataset}.")
        return images[:n]

    def labels(self, split):
        labels = (self.train() if split == "train" else self.data("test")).labels
        if labels is None:
            raise ZooError(f"{self.dataset} has no labels in its {split} split; probes need them. Measure mse, psnr or ssim.")
        return np.asarray(labels)

    def features(self, split, layer, pool):
        images = self.data(split).images
        return self.once(("features", split, layer, pool), lambda: probes.probe_features(self.model, images, layer, pool))

    def mirrored_features(self, layer, pool):
        """Those of the training images flipped left to right."""
        images = self.train().images
        if images.ndim != 4:
            raise ZooError(f"got inputs of shape {images.shape[1:]}, expected images (height, width, channels) to flip.")
        return probes.probe_features(self.model, np.ascontiguousarray(images[:, :, ::-1]), layer, pool)

    def probe_inputs(self, layer, pool):
        labels = self.labels("train"), self.labels("test")
        return self.features("train", layer, pool), labels[0], self.features("test", layer, pool), labels[1]


def rounded(value):
    """To six significant digits, as cards state it."""
    return float(f"{value:.6g}")
