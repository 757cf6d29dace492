"""A second VAE on posterior samples of the first one (Dai & Wipf 2019, "Diagnosing and enhancing VAE models", arXiv:1903.05789).

The distribution of the first VAE's codes differs from its prior; a second VAE, with the same number of latent variables, learns
this distribution. Sampling: u ~ N(0, I), z ~ N(f(u), γ² I), then the first decoder.
"""

import math

import keras
from keras import ops

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.samplers.network import NetworkSampler


class SecondStage(keras.Model):
    """A VAE of vectors (N, D) with D latent variables and a Gaussian likelihood with one learned deviation γ.

    Args:
        units: D.
        hidden: units of the encoder's hidden layers; the decoder has them in reverse order.
    """

    def __init__(self, units, hidden, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([keras.layers.Dense(size, activation="relu") for size in hidden])
        self.code = GaussianCode(units)
        self.decoder = keras.Sequential([keras.layers.Dense(size, activation="relu") for size in reversed(hidden)])
        self.decoder.add(keras.layers.Dense(units))
        # Small initially: with γ = 1, the deviation of the codes, unused latent variables are also a solution, and for white
        # codes, as standardized codes nearly are, the gradient there is zero.
        start = keras.initializers.Constant(math.log(0.1))
        self.log_deviation = self.add_weight(name="log_deviation", shape=(), initializer=start, dtype="float32")
        self.encoder.build((None, units))
        self.code.build(self.encoder.compute_output_shape((None, units)))
        self.decoder.build((None, units))
        self.built = True

    def call(self, z, training=None):
        decoded = self._decode(self.code(self.encoder(z), training=training))
        error = (z - decoded) * ops.exp(-self.log_deviation)
        terms = 0.5 * ops.square(error) + ops.convert_to_tensor(self.log_deviation) + 0.5 * math.log(2 * math.pi)
        self.add_loss(ops.mean(ops.sum(terms, axis=-1)))
        return decoded

    def from_noise(self, noise):
        """f(u) + γ ε (N, D) for pairs (u, ε), (N, 2D)."""
        u, noise = ops.split(noise, 2, axis=-1)
        return self._decode(u) + ops.exp(self.log_deviation) * noise

    def _decode(self, u):
        return ops.cast(self.decoder(u), "float32")


class TwoStageSampler(NetworkSampler):
    """The paper's second stage.

    Args:
        hidden: units of the second encoder's hidden layers; the decoder has the same in reverse.
        epochs, batch_size, learning_rate, seed: settings of the fit, see `NetworkSampler`.
    """

    def __init__(self, hidden=(512, 512), epochs=100, batch_size=128, learning_rate=1e-3, seed=0):
        super().__init__(hidden, epochs, batch_size, learning_rate, seed)

    def build(self, units):
        return SecondStage(units, self.hidden)

    @property
    def noise_units(self):
        return 2 * len(self.mean)
