"""What the samplers that train a network share: standardized codes, a seeded start, plain `fit`."""

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
        epochs: passes over the codes.
        batch_size: codes a step.
        learning_rate: of Adam at the first step; a cosine takes it to zero.
        seed: of the posterior's draws, the initial weights, and the order of the codes.
    """

    # What TensorFlow's XLA cannot compile says so here.
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
        """The network, a `keras.Model` that charges its own loss, for vectors of `units` numbers."""
        raise NotImplementedError

    def fit_vectors(self, z):
        self.mean, self.scale = z.mean(axis=0), z.std(axis=0)
        z = self.standardized(z)
        with seeded(self.seed):
            self.network = self.build(z.shape[1])
        batch_size = min(self.batch_size, len(z))
        steps = len(z) // batch_size
        decay = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.epochs * steps)
        self.network.compile(Adam(decay), jit_compile=self.jit_compile)
        # Before the step is traced, see `Autoencoder.make_train_function`.
        self.network.optimizer.build(self.network.trainable_variables)
        batches = training_batches(z, batch_size, self.seed, 0, self.epochs * steps)
        # The batches come shuffled.
        self.network.fit(batches, shuffle=False, epochs=self.epochs, steps_per_epoch=steps, verbose=0)

    def draw_vectors(self, n, seed):
        noise = np.random.default_rng(seed).standard_normal((n, self.noise_units), dtype=np.float32)
        z = apply_in_batches(self.network, self.network.from_noise, noise, 1024)
        return self.mean + self.scale * z

    @property
    def noise_units(self):
        """Standard normal numbers that make one vector."""
        return len(self.mean)

    def standardized(self, z):
        """(z - mean) / deviation of every variable; one that never changes is left at zero, and drawn as it was."""
        return ((z - self.mean) / np.where(self.scale > 0, self.scale, 1)).astype(np.float32)


@contextlib.contextmanager
def seeded(seed):
    """Layers made inside begin with the weights of `seed`; the caller's own random numbers go on as if nothing had been."""
    with SEED_LOCK:
        state = random.getstate()
        # From Python's generator Keras takes the seed of every initializer and SeedGenerator that is given none.
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
