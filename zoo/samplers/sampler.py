"""Base of samplers: fitted to the codes of a trained model, they sample codes that the model's decoder turns into images."""

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.utils.batching import apply_in_batches


class Sampler:
    """Base. A subclass overrides `fit_codes` and `draw`."""

    model = None

    def fit(self, model, x):
        """Fit to the codes of images x (N, *input_shape), uint8 0..255 or floats 0..1; returns itself."""
        self.fit_codes(model, model.modality.check(x, model.data_shape))
        self.model = model
        return self

    def sample(self, n, seed=0, batch_size=256):
        """`n` images, float32 0..1, decoded from codes sampled with `seed`. Raises ZooError if not fitted."""
        if self.model is None:
            raise ZooError(f"this {type(self).__name__} is not fitted; call fit(model, images) before sample(n).")
        if n < 1:
            raise ZooError(f"got n={n} samples, expected at least 1.")
        return self.model.decode(self.draw(n, seed), batch_size)

    def fit_codes(self, model, x):
        """Fit to images x, which have been checked."""
        raise NotImplementedError

    def draw(self, n, seed):
        """`n` codes (n, *code_shape), float32 numpy."""
        raise NotImplementedError


class VectorSampler(Sampler):
    """Base of samplers that treat codes of any shape as vectors. A subclass overrides `fit_vectors` and `draw_vectors`.

    Fitted to one posterior sample per image, because the decoder is trained on these, or to the deterministic codes if the model
    has no posterior.

    Args:
        seed: random seed of the posterior samples and of the fit.
    """

    def __init__(self, seed=0):
        self.seed = seed

    def fit_codes(self, model, x):
        z = posterior_draws(model, x, self.seed) if has_posterior(model) else codes(model, x)
        if len(z) < 2:
            raise ZooError(f"got {len(z)} image, expected at least 2 to fit {type(self).__name__}.")
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
    """Whether `posterior_draws` supports the model."""
    return hasattr(model.bottleneck, "importance_samples")


def codes(model, x, batch_size=256):
    """The deterministic codes (N, *code_shape), float32 numpy, of images x: for a variational model the posterior means."""
    return apply_in_batches(model, model.code, x, batch_size)


def posterior_draws(model, x, seed, batch_size=256):
    """One posterior sample per image, (N, *code_shape), float32 numpy. Raises ZooError if the model has no posterior."""
    if not has_posterior(model):
        raise ZooError(f"{model.name} has no posterior to sample from; use a variational model, such as vae_mlp.")
    generator = keras.random.SeedGenerator(seed)
    drawn = []
    for start in range(0, len(x), batch_size):
        h = model.encoder.backbone(model.modality.to_input(x[start : start + batch_size], model.compute_dtype))
        z, _ = model.bottleneck.importance_samples(h, 1, generator)
        drawn.append(np.asarray(keras.ops.convert_to_numpy(z[:, 0]), np.float32))
    return np.concatenate(drawn)
