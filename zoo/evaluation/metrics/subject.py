"""The model and the data that metrics are measured on."""

import numpy as np

from zoo.data import sources
from zoo.data.photographs import photographs
from zoo.errors import ZooError
from zoo.evaluation import probes
from zoo.layers.math.pca import blocks, principal_components
from zoo.modalities.image import image_file_shape, unit_array


class Subject:
    """A model and its data; values that several metrics need are computed once.

    Args:
        model: an `Autoencoder`.
        dataset: a name, or a mapping of "train" and "test" to `zoo.data.sources.Data`.
        data_dir: folder of the TFDS data.
        seed: of all random choices.
        progress: function that is called with lines of text.
        untrained: function from the training images to the model before its first training step, or None if it is not
            available.
    """

    def __init__(self, model, dataset, data_dir, seed, progress, untrained=None):
        self._given = dataset if isinstance(dataset, dict) else {}
        self.dataset = self._given["test"].name if self._given else dataset
        self.model, self.data_dir, self.seed, self.progress = model, data_dir, seed, progress
        self._untrained = untrained
        self._known = {}

    def once(self, key, compute):
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def data(self, split):
        if self._given:
            return self._given[split]
        shape = image_file_shape(self.model.data_shape)
        return self.once(("data", split), lambda: sources.load(self.dataset, split, self.data_dir, image_shape=shape))

    def train(self):
        """The training split. Raises ZooError if it is the same as the test split, because the figures would be wrong."""
        train, test = self.data("train"), self.data("test")
        if train is test or self.once("one split", lambda: np.array_equal(train.images, test.images)):
            raise ZooError(
                f"{self.dataset} has a single split, expected separate training and test images for a probe or pca_mse; give "
                "an .npz file with x_train, y_train, x_test and y_test, or a TFDS name."
            )
        return train

    def test_images(self, n=None):
        images = self.data("test").images
        if n is not None and not 1 <= n <= len(images):
            raise ZooError(f"got n={n}, expected between 1 and the {len(images)} images of the test split of {self.dataset}.")
        return images[:n]

    def photographs(self, n=None, channels="model"):
        """List of the test images (H, W, C), which may differ in size if they are those of a folder.

        Images of a folder have the channels of the model, or as many as in their files if `channels` is None.
        """
        shape = self.model.data_shape
        if len(shape) != 3:
            raise ZooError(f"got a model for inputs of shape {shape}, expected one for images (height, width, channels).")

        def read():
            if self._given:
                return list(self._given["test"].images)
            return photographs(self.dataset, shape[-1] if channels else None, "test", self.data_dir)

        images = self.once(("photographs", channels), read)
        if n is not None and not 1 <= n <= len(images):
            raise ZooError(f"got n={n}, expected between 1 and the {len(images)} images of {self.dataset}.")
        return images[:n]

    def labels(self, split):
        labels = (self.train() if split == "train" else self.data("test")).labels
        if labels is None:
            raise ZooError(f"{self.dataset} has no labels in its {split} split, which probes require; measure mse, psnr or ssim.")
        return np.asarray(labels)

    def features(self, split, layer, pool):
        images = self.data(split).images
        return self.once(("features", split, layer, pool), lambda: probes.probe_features(self.model, images, layer, pool))

    def mirrored_features(self, layer, pool):
        """Features of the training images flipped left to right."""
        images = self.train().images
        if images.ndim != 4:
            raise ZooError(f"got inputs of shape {images.shape[1:]}, expected images (height, width, channels) to flip.")
        return probes.probe_features(self.model, np.ascontiguousarray(images[:, :, ::-1]), layer, pool)

    def probe_inputs(self, layer, pool):
        labels = self.labels("train"), self.labels("test")
        return self.features("train", layer, pool), labels[0], self.features("test", layer, pool), labels[1]

    def baseline_names(self):
        """Names of the baselines of the model's features, see `baseline_features`."""
        return ["raw input", "PCA", *(["untrained"] if self._untrained else [])]

    def untrained_model(self):
        """The model before its first training step."""
        return self.once("untrained", lambda: self._untrained(self.train().images))

    def baseline_features(self, baseline, layer, pool, mirrored=False):
        """Training and test features (N, D) of a baseline, and those of the mirrored training images or None.

        The baselines are the pixels of the images, as many principal components as the model has features (or all), and the
        features of the model before its first training step.
        """
        train, test = self.train().images, self.data("test").images
        if baseline == "untrained":
            model = self.untrained_model()

            def features(images):
                return probes.probe_features(model, images, layer, pool)

        elif baseline == "PCA":
            count = min(self.features("train", layer, pool).shape[1], int(np.prod(train.shape[1:])))
            mean, components, _ = self.once(("components", count), lambda: principal_components(train, count))

            def features(images):
                rows = [(block - mean) @ components.T for block in blocks(images)]
                return np.concatenate(rows).astype(np.float32)

        else:

            def features(images):
                return unit_array(images).reshape(len(images), -1)

        flipped = features(np.ascontiguousarray(train[:, :, ::-1])) if mirrored else None
        if baseline != "untrained":
            return features(train), features(test), flipped
        # Kept for the next metric, because a network takes minutes for what the other baselines take seconds.
        kept = self.once(("untrained features", layer, pool), lambda: (features(train), features(test)))
        return *kept, flipped


def rounded(value):
    """A number with six significant digits, as in the manifest."""
    return float(f"{value:.6g}")
