"""Anomaly maps by the distance of the features at each place to those of normal images (PatchCore, Roth et al. 2022,
"Towards total recall in industrial anomaly detection", arXiv:2106.08265)."""

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
from keras import ops
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from zoo.anomaly.coreset import coreset
from zoo.anomaly.maps import check_maps, enlarged, smoothed
from zoo.errors import ZooError
from zoo.modalities.image import check_images
from zoo.utils.batching import apply_in_batches
from zoo.utils.files import write_atomically
from zoo.utils.numbers import check_at_least, check_whole, is_number

_SUFFIX = ".safetensors"
# Side of the neighborhood over which the features of a patch are averaged.
_WINDOW = 3
# Maximum number of patches of the normal images to select the bank from; more than these are sampled at random.
_CANDIDATES = 50_000
# Number of images whose features are in memory at a time.
_IMAGES = 128
# Number of patches compared with the bank at a time; the memory for it is proportional to this number.
_BLOCK = 1024


class PatchDetector:
    """Distances of the features of patches to those of normal images, from an encoder of any origin.

    The feature maps of some depths of the encoder are averaged over 3 x 3 positions, interpolated to the size of the first, and
    concatenated. Each depth is divided by its standard deviation over the normal images (the root of the sum of the variances of
    its channels), so that all have the same weight. A bank of patches represents the normal images; it is selected by
    `zoo.anomaly.coreset`. The distance of a patch to the nearest one of the bank is its anomaly score. The map is interpolated to
    the size of the image and smoothed.

    The score of an image is that of its most anomalous patch m, of distance s to its nearest patch m* of the bank, weighted by
    1 - exp(s) / Σ exp(|m - n|), n among the `neighbours` patches of the bank nearest to m*, including m* (equation 7): a distance
    counts less if m* is in a dense region of the bank.

    Memory, for maps of h x w positions and D channels in total: the features of 128 images, 4 x 128 x h x w x D bytes; in `fit`
    also those of the patches to select from, at most 50,000 (sampled at random), twice, 8 x 50,000 x D bytes; afterwards the
    fraction `coreset` of these patches, 4 x 5,000 x D bytes by default.

    Args:
        model: a model with an `encoder`, of images, such as an `Autoencoder`; to use other image sizes, give `zoo.load` the
            `input_shape`.
        layers: depths of the encoder, see `Encoder.feature_layers`, the finest first; by default the one in the middle and the
            one after it.
        coreset: fraction of the patches of the normal images, or of the 50,000 sampled ones, to keep, in (0, 1].
        neighbours: number of patches of the bank that weight the score of an image; 1 for no weight.
        sigma: standard deviation of the Gaussian that smoothes the maps, in pixels; by default 1/32 of the shorter side.
        seed: of the selection.

    Raises:
        ZooError: if an argument is out of range, the inputs of the model are not images, or the features of a depth are vectors.
    """

    def __init__(self, model, layers=None, coreset=0.1, neighbours=9, sigma=None, seed=0):
        if not is_number(coreset) or not 0 < coreset <= 1:
            raise ZooError(f"got coreset={coreset!r}, expected a fraction in (0, 1].")
        check_whole(1, neighbours=neighbours)
        check_at_least(0, sigma=0 if sigma is None else sigma)
        check_maps(model.data_shape, model.name)
        self.model, self.coreset, self.neighbours, self.sigma, self.seed = model, coreset, neighbours, sigma, seed
        self.layers = _middle(model.encoder.feature_layers) if layers is None else tuple(layers)
        if not self.layers:
            raise ZooError(f"got no layers, expected some of {', '.join(model.encoder.feature_layers)}.")
        # Of one image, because transformers repeat a token as often as there are images.
        inputs = keras.KerasTensor((1, *model.data_shape), dtype="float32")
        self._channels = [model.encoder.maps(inputs, layer).shape[-1] for layer in self.layers]
        self._bank = self._scale = None

    def fit(self, normal, batch_size=32):
        """Select the bank from normal images; returns the detector. Deterministic for a seed.

        Args:
            normal: images (N, *input_shape), uint8 or floats 0..1; preferably not used in training.
            batch_size: number of images per batch.

        Raises:
            ZooError: if the images have another shape or range.
        """
        normal = check_images(normal, self.model.data_shape)
        patches = self._candidates(normal, batch_size)
        self._scale = self._scales(patches.var(axis=0, dtype=np.float64))
        patches *= self._scale
        self._bank = patches[coreset(patches, max(1, round(self.coreset * len(patches))), self.seed)]
        return self

    def anomaly_map(self, x, batch_size=32):
        """Maps (N, H, W), float32, of images (N, H, W, C), uint8 or floats 0..1; higher is more anomalous.

        Raises:
            ZooError: if `fit` was not called, or the images have another shape or range.
        """
        return self.maps_and_scores(x, batch_size)[0]

    def score(self, x, batch_size=32):
        """Anomaly scores (N,), float64, of images, as `AnomalyDetector.score`; higher is more anomalous."""
        return self.maps_and_scores(x, batch_size)[1]

    def score_samples(self, x, batch_size=32):
        """The negative scores (N,), as scikit-learn's outlier detectors define them; lower is more anomalous."""
        return -self.score(x, batch_size)

    def maps_and_scores(self, x, batch_size=32):
        """The results of `anomaly_map` and `score`, computed together."""
        if self._bank is None:
            raise ZooError("the patch detector requires normal images; call fit with some first.")
        x = check_images(x, self.model.data_shape)
        found = [self._compared(patches * self._scale) for patches in self._features(x, batch_size)]
        distances, scores = (np.concatenate(parts) for parts in zip(*found))
        return smoothed(enlarged(distances, self.model.data_shape[:2]), self.sigma), scores

    def _compared(self, patches):
        """Distances (N, h, w) of scaled patches (N, h, w, D) to the bank, and the scores (N,) of the images."""
        count, channels = len(patches), patches.shape[-1]
        distances, nearest = _nearest(patches.reshape(-1, channels), self._bank)
        distances, nearest = distances.reshape(count, -1), nearest.reshape(count, -1)
        worst, each = distances.argmax(axis=1), np.arange(count)
        rows = patches.reshape(count, -1, channels)[each, worst]
        scores = distances[each, worst].astype(np.float64) * self._weights(rows, nearest[each, worst])
        return distances.reshape(patches.shape[:-1]), scores

    def save(self, path):
        """Write the bank and the settings to a file `path`, which ends in .safetensors; the model is not part of it.

        Raises:
            ZooError: if `fit` was not called, `path` has another suffix or is a file of something else, or writing fails.
        """
        path = Path(path)
        if self._bank is None:
            raise ZooError("the patch detector has no bank to save; call fit with normal images first.")
        if path.suffix != _SUFFIX:
            raise ZooError(f"got the path {path}, expected a name that ends in {_SUFFIX}.")
        if path.exists():
            _read(path)
        config = {
            "layers": self.layers,
            "coreset": self.coreset,
            "neighbours": self.neighbours,
            "sigma": self.sigma,
            "seed": self.seed,
            "encoder": fingerprint(self.model.encoder),
        }
        try:
            # A single key of metadata, because the order of several would vary.
            write_atomically(path, to_bytes({"bank": self._bank, "scale": self._scale}, {"patch_detector": json.dumps(config)}))
        except OSError as error:
            raise ZooError(f"cannot write {path}: {error.strerror or error}.") from None

    @classmethod
    def load(cls, path, model):
        """The detector of a file written by `save`, with the model that it was fitted with.

        Raises:
            ZooError: if the file cannot be read or is something else, or the encoder of the model has other weights.
        """
        config, bank, scale = _read(Path(path))
        encoder = config.pop("encoder")
        if encoder != fingerprint(model.encoder):
            raise ZooError(f"{path} was fitted with another encoder than that of {model.name}, or with other image sizes.")
        detector = cls(model, **config)
        detector._bank, detector._scale = bank, scale
        return detector

    def _features(self, x, batch_size):
        """Yields features (n, h, w, D), float32, of a part of the images at a time."""
        for start in range(0, len(x), _IMAGES):
            yield apply_in_batches(self.model.encoder, self._maps, x[start : start + _IMAGES], batch_size)

    def _candidates(self, normal, batch_size):
        """Features (n, D) of all patches of the images, or of a random sample of them."""
        kept, first, chosen = [], 0, None
        for maps in self._features(normal, batch_size):
            rows = maps.reshape(-1, maps.shape[-1])
            if chosen is None:
                total = len(normal) * len(rows) // len(maps)
                chosen = np.random.default_rng(self.seed).permutation(total)[:_CANDIDATES]
            kept.append(rows[np.sort(chosen[(chosen >= first) & (chosen < first + len(rows))]) - first])
            first += len(rows)
        return np.concatenate(kept)

    def _maps(self, x):
        """Locally averaged features (N, h, w, D), float32, of all depths."""
        found = []
        for layer in self.layers:
            maps = ops.cast(self.model.encoder.maps(x, layer), "float32")
            maps = ops.average_pool(maps, _WINDOW, strides=1, padding="same", data_format="channels_last")
            if found and maps.shape[1:3] != found[0].shape[1:3]:
                maps = ops.image.resize(maps, found[0].shape[1:3], interpolation="bilinear", data_format="channels_last")
            found.append(maps)
        return ops.concatenate(found, axis=-1)

    def _scales(self, variances):
        """Factors (D,) of the channels, from their variances over the normal images."""
        depths = np.split(variances, np.cumsum(self._channels)[:-1])
        # Features that are constant over the normal images keep their scale.
        return np.concatenate([np.full(len(depth), 1 / np.sqrt(depth.sum() or 1.0), np.float32) for depth in depths])

    def _weights(self, rows, nearest):
        """Weights (N,) of the distances of patches (N, D) to the patches of the bank with the indices `nearest` (N,)."""
        if self.neighbours == 1:
            return np.ones(len(rows))
        count = min(self.neighbours, len(self._bank))
        weights = []
        for row, index in zip(rows, nearest):
            around = np.linalg.norm(self._bank - self._bank[index], axis=1)
            # The patch itself is among its neighbors, even if others are equal to it.
            around[index] = -1
            chosen = np.argpartition(around, count - 1)[:count]
            to_chosen = np.linalg.norm(row - self._bank[chosen], axis=1)
            to_nearest = np.linalg.norm(row - self._bank[index])
            weights.append(1 - 1 / np.exp(to_chosen - to_nearest).sum())
        return np.array(weights)


def _middle(names):
    """The depth in the middle of the encoder and the one after it; the code, if there are no others."""
    depths = names[:-1] or names
    middle = (len(depths) - 1) // 2
    return tuple(depths[middle : middle + 2])


def _nearest(rows, bank):
    """Distance and index, both (N,), of the row of `bank` (M, D) nearest to each of `rows` (N, D)."""
    # Centered, because the squares cancel; only their order is used, the distance itself is computed from the difference.
    middle = bank.mean(axis=0)
    centered = bank - middle
    norms, distances, indices = np.einsum("md,md->m", centered, centered), [], []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        nearest = np.argmin(norms - 2 * (block - middle) @ centered.T, axis=1)
        distances.append(np.linalg.norm(block - bank[nearest], axis=1))
        indices.append(nearest)
    return np.concatenate(distances), np.concatenate(indices)


def fingerprint(encoder):
    """A hexadecimal digest of the input shape and the weights of an encoder."""
    digest = hashlib.sha256(repr(tuple(encoder.data_shape)).encode())
    for weights in encoder.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def _read(path):
    """The config, bank and scale of a file written by `PatchDetector.save`."""
    try:
        with safe_open(path, framework="np") as opened:
            config = json.loads((opened.metadata() or {})["patch_detector"])
            return config, opened.get_tensor("bank"), opened.get_tensor("scale")
    except FileNotFoundError:
        raise ZooError(f"there is no file {path}.") from None
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ZooError(f"{path} is not a file written by PatchDetector.save ({error}); choose another path.") from None
