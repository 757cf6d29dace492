"""Base of the samplers that train a network: standardized codes, seeded initialization, Keras's `fit`."""

import contextlib
import random

import keras
import numpy as np

from zoo.data.pipeline import training_batches
from zoo.errors import ZooError
from zoo.optimizers.adam import Adam
from zoo.samplers.sampler import VectorSampler
from zoo.utils.batching import apply_in_batches
from zoo.utils.seeding import SEED_LOCK


class NetworkSampler(VectorSampler):
    """Base: a network trained on standardized codes. A subclass overrides `build` and `from_noise`.

    Args:
        hidden: units of the network's hidden layers.
        epochs: number of passes over the codes.
        batch_size: number of codes per step.
        learning_rate: initial learning rate of Adam; it decreases to zero by a cosine schedule.
        seed: random seed of the posterior samples, the initial weights, and the order of the codes.
    """

    # Overridden by networks that TensorFlow's XLA cannot compile.
    jit_compile = "auto"

    def __init__(self, hidden, epochs, batch_size, learning_rate, seed):
        super().__init__(seed)
        if epochs < 1 or batch_size < 1:
            raise ZooError(f"got epochs={epochs} and batch_size={batch_size}, expected at least 1 of each.")
        self.hidden = tuple(hidden)
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def build(self, units):
        """The network, a `keras.Model` that adds its own loss, for vectors of `units` numbers."""
        raise NotImplementedError

    def fit_vectors(self, z):
        self.mean, self.scale = z.mean(axis=0), z.std(axis=0)
        z = self.standardized(z)
        with seeded(self.seed):
            self.network = self.build(z.shape[1])
        train(self.network, z, self, jit_compile=self.jit_compile)

    def draw_vectors(self, n, seed):
        noise = np.random.default_rng(seed).standard_normal((n, self.noise_units), dtype=np.float32)
        z = apply_in_batches(self.network, self.network.from_noise, noise, 1024)
        return self.mean + self.scale * z

    @property
    def noise_units(self):
        """Number of standard normal numbers per sampled vector."""
        return len(self.mean)

    def standardized(self, z):
        """(z - mean) / deviation of each variable; constant variables become zero, and are sampled as the constant."""
        return ((z - self.mean) / np.where(self.scale > 0, self.scale, 1)).astype(np.float32)


def train(network, data, sampler, **compiling):
    """Fit a `keras.Model` to data (N, ...) with Adam; returns the history of the loss by epoch.

    Args:
        network: a built model.
        data: array (N, ...).
        sampler: the sampler, with `epochs`, `batch_size`, `learning_rate` and `seed`.
        **compiling: further arguments of `compile`.
    """
    batch_size = min(sampler.batch_size, len(data))
    steps = len(data) // batch_size
    rate = keras.optimizers.schedules.CosineDecay(sampler.learning_rate, sampler.epochs * steps)
    network.compile(Adam(rate), **compiling)
    # Before the step is traced, see `Autoencoder.make_train_function`.
    network.optimizer.build(network.trainable_variables)
    batches = training_batches(data, batch_size, sampler.seed, 0, sampler.epochs * steps)
    # The batches are already shuffled.
    fitted = network.fit(batches, shuffle=False, epochs=sampler.epochs, steps_per_epoch=steps, verbose=0)
    return fitted.history["loss"]


@contextlib.contextmanager
def seeded(seed):
    """Context in which layers are initialized by `seed`; the state of the caller's random generator is restored afterwards."""
    with SEED_LOCK:
        state = random.getstate()
        # Keras takes the seeds of unseeded initializers and SeedGenerators from Python's generator.
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
