"""What every sampler is: fitted to the codes of a trained model, it draws codes, and the model's decoder makes them images."""

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.modalities.image import check_images
from zoo.modalities.tensors import to_unit
from zoo.utils.batching import apply_in_batches


class Sampler:
    """Base. A subclass overrides `fit_codes` and `draw`."""

    model = None

    def fit(self, model, x):
        """Fit to what `model` makes of images x (N, *input_shape), uint8 or floats 0..1; returns itself."""
        self.fit_codes(model, check_images(x, model.data_shape))
        self.model = model
        return self

    def sample(self, n, seed=0, batch_size=256):
        """`n` images, float32 0..1, decoded from codes drawn with `seed`."""
        if self.model is None:
            raise ZooError(f"this {type(self).__name__} is not fitted; call fit(model, images) before sample(n).")
        if n < 1:
            raise ZooError(f"got n={n} samples, expected at least 1.")
        return self.model.decode(self.draw(n, seed), batch_size)

    def fit_codes(self, model, x):
        """Fit to images x, checked already."""
        raise NotImplementedError

    def draw(self, n, seed):
        """`n` codes (n, *code_shape), float32 numpy."""
        raise NotImplementedError


class VectorSampler(Sampler):
    """Base of those that see a code of any shape as a vector. A subclass overrides `fit_vectors` and `draw_vectors`.

    It is fitted to one draw of each image's posterior where the model has one, for that is what its decoder learned to read,
    and else to the deterministic codes.

    Args:
        seed: of the posterior's draws, and of everything random in the fit.
    """

    def __init__(self, seed=0):
        self.seed = seed

    def fit_codes(self, model, x):
        z = posterior_draws(model, x, self.seed) if has_posterior(model) else codes(model, x)
        if len(z) < 2:
            raise ZooError(f"got {len(z)} image, expected at least 2 to fit {type(self).__name__} to.")
        self.code_shape = z.shape[1:]
        self.fit_vectors(z.reshape(len(z), -1))

    def draw(self, n, seed):
        return np.asarray(self.draw_vectors(n, seed), np.float32).reshape(n, *self.code_shape)

    def fit_vectors(self, z):
        """Fit to z (N, D), float32 numpy, N >= 2."""
        raise NotImplementedError

    def draw_vectors(self, n, seed):
        """`n` vectors (n, D), numpy."""
        raise NotImplementedError


def has_posterior(model):
    """Whether `posterior_draws` can be had of a model."""
    return hasattr(model.bottleneck, "importance_samples")


def codes(model, x, batch_size=256):
    """The deterministic codes (N, *code_shape), float32 numpy, of images x: for a variational model its posteriors' means."""
    return apply_in_batches(model, model.code, x, batch_size)


def posterior_draws(model, x, seed, batch_size=256):
    """One draw of the posterior of every image, (N, *code_shape), float32 numpy; `ZooError` for a model that has none."""
    if not has_posterior(model):
        raise ZooError(f"{model.name} has no posterior to draw from, expected a variational model, such as vae_mlp.")
    generator = keras.random.SeedGenerator(seed)
    drawn = []
    for start in range(0, len(x), batch_size):
        h = model.encoder.backbone(to_unit(x[start : start + batch_size], model.compute_dtype))
        z, _ = model.bottleneck.importance_samples(h, 1, generator)
        drawn.append(np.asarray(keras.ops.convert_to_numpy(z[:, 0]), np.float32))
    return np.concatenate(drawn)
