"""The VampPrior: a mixture of the posteriors of learned pseudo-inputs (Tomczak & Welling 2018, arXiv:1705.07120)."""

import math

import keras
import numpy as np
from keras import ops

from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.modalities.image import is_image_shape


class VampCode(GaussianCode):
    """z = μ(h) + σ(h) ε; the loss term is log q(z|x) - log 1/K Σ_k q(z|u_k) of this sample, in nats, mean over the batch.

    Pseudo-inputs u_k that are images are sigmoids of unconstrained weights, so that they stay in 0..1; vectors are unconstrained.
    No data is available at initialization, so they start as dark images with noise.

    `read` must be called with the encoder's backbone before the first call; the backbone's weights belong to the encoder.

    Args:
        units: number of latent variables.
        input_shape: shape of one input.
        pseudo_inputs: K, number of pseudo-inputs.
    """

    def __init__(self, units, input_shape, pseudo_inputs, **kwargs):
        super().__init__(units, **kwargs)
        self.input_shape_of_one = tuple(input_shape)
        self.count = pseudo_inputs

    def build(self, input_shape):
        super().build(input_shape)
        image = is_image_shape(self.input_shape_of_one)
        start = keras.initializers.RandomNormal(mean=-2.0 if image else 0.0, stddev=1.0)
        self.pseudo = self.add_weight(name="pseudo", shape=(self.count, *self.input_shape_of_one), initializer=start)
        self.built = True

    def read(self, backbone):
        """Set the backbone that encodes the pseudo-inputs."""
        object.__setattr__(self, "_backbone", backbone)

    def pseudo_inputs(self):
        """The K pseudo-inputs as inputs of the encoder, a tensor (K, *input_shape) in the compute dtype."""
        free = ops.convert_to_tensor(self.pseudo)
        return ops.cast(ops.sigmoid(free) if is_image_shape(self.input_shape_of_one) else free, self.compute_dtype)

    def components(self, training=None):
        """Means and log variances (K, D), float32, of the prior's components."""
        return self.posterior(self._backbone(self.pseudo_inputs(), training=training))

    def call(self, h, training=None):
        mean, log_variance = self.posterior(h)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        z = mean + ops.exp(0.5 * log_variance) * noise
        log_q = -0.5 * ops.sum(ops.square(noise) + log_variance + math.log(2 * math.pi), axis=-1)
        self.add_term("kl", log_q - mixture_log_density(z, *self.components(training)))
        return ops.cast(z, self.compute_dtype)

    def importance_samples(self, h, k, seed):
        """`k` samples per row from q(z|x) and their weights: z (N, k, D) and log p(z) - log q(z|x) (N, k)."""
        mean, log_variance = (ops.expand_dims(t, 1) for t in self.posterior(h))
        noise = keras.random.normal((ops.shape(mean)[0], k, self.code_shape[0]), seed=seed)
        z = mean + ops.exp(0.5 * log_variance) * noise
        log_q = -0.5 * ops.sum(ops.square(noise) + log_variance + math.log(2 * math.pi), axis=-1)
        log_p = mixture_log_density(ops.reshape(z, (-1, self.code_shape[0])), *self.components())
        return z, ops.reshape(log_p, (-1, k)) - log_q

    def sample_prior(self, n, seed):
        mean, log_variance = (ops.convert_to_numpy(t) for t in self.components())
        rng = np.random.default_rng(seed)
        chosen = rng.integers(self.count, size=n)
        noise = rng.standard_normal((n, *self.code_shape), dtype=np.float32)
        return mean[chosen] + np.exp(0.5 * log_variance[chosen]) * noise


def mixture_log_density(z, means, log_variances):
    """log 1/K Σ_k N(z; mean_k, variance_k), (M,) float32, for codes z (M, D), means and log variances (K, D).

    The squared distances are computed by matrix products, so that no tensor of M x K x D numbers is needed. Codes and means are
    centered first, because differences of large squares lose digits.
    """
    center = ops.stop_gradient(ops.mean(means, axis=0))
    z, means = z - center, means - center
    precisions = ops.exp(-log_variances)
    distances = ops.matmul(ops.square(z), ops.transpose(precisions)) - 2 * ops.matmul(z, ops.transpose(means * precisions))
    constants = ops.sum(ops.square(means) * precisions + log_variances + math.log(2 * math.pi), axis=-1)
    return ops.logsumexp(-0.5 * (distances + constants), axis=-1) - math.log(means.shape[0])
