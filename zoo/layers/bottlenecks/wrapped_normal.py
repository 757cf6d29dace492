"""The hyperbolic bottleneck: a wrapped normal posterior and prior in the Poincaré ball."""

import math

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.layers.math import poincare

# Largest distance of the posterior's center from the origin, in units of 1/√c: float32 represents tanh(10 / 2) well.
_MAX_DISTANCE = 10.0


class WrappedNormalCode(GaussianCode):
    """z = μ ⊕ exp_0(σ ε / 2); the loss term is log q(z|x) - log p(z) of the sample, in nats, mean over the batch.

    Mathieu, Le Lan, Maddison, Tomioka & Teh 2019, "Continuous hierarchical representations with Poincaré variational
    auto-encoders", arXiv:1901.06033. A normal distribution in the tangent space at μ, mapped into the ball along
    geodesics; the prior has its center at the origin and σ = 1. The features are the centers μ, points of the ball.

    Args:
        units: D.
        curvature: c > 0; the ball has the curvature -c.
    """

    loss_names = ("kl",)

    def __init__(self, units, curvature=1.0, **kwargs):
        if not curvature > 0:
            raise ZooError(f"got curvature={curvature}, expected a positive number: the ball's curvature is -curvature.")
        super().__init__(units, **kwargs)
        self.curvature = curvature

    def posterior(self, h):
        """Center, as a tangent vector at the origin whose length is the distance, and log variance, (N, D), float32."""
        mean, log_variance = super().posterior(h)
        most = _MAX_DISTANCE / math.sqrt(self.curvature)
        return mean * ops.minimum(1.0, most / poincare.norm(mean)), log_variance

    def call(self, h):
        mean, log_variance = self.posterior(h)
        noise = keras.random.normal(ops.shape(mean), dtype="float32", seed=self.seed_generator)
        z, log_ratio = wrap(mean, log_variance, noise, self.curvature)
        self.add_term("kl", -log_ratio)
        return ops.cast(z, self.compute_dtype)

    def code(self, h):
        mean, _ = self.posterior(h)
        return ops.cast(_from_origin(mean, self.curvature), self.compute_dtype)

    def importance_samples(self, h, k, seed):
        """`k` samples per row from q(z|x) and their weights: z (N, k, D) and log p(z) - log q(z|x) (N, k)."""
        mean, log_variance = (ops.expand_dims(t, 1) for t in self.posterior(h))
        noise = keras.random.normal((ops.shape(mean)[0], k, self.code_shape[0]), dtype="float32", seed=seed)
        return wrap(mean, log_variance, noise, self.curvature)

    def sample_prior(self, n, seed):
        v = np.random.default_rng(seed).standard_normal((n, *self.code_shape), dtype=np.float32)
        return ops.convert_to_numpy(_from_origin(ops.convert_to_tensor(v), self.curvature))


def _from_origin(v, c):
    """The end of a geodesic of length |v| that starts at the origin in the direction of v."""
    return poincare.inside(poincare.exp_map(ops.zeros_like(v), v / 2, c), c)


def wrap(mean, log_variance, noise, c):
    """A sample z (..., D) of the wrapped normal for standard normal `noise`, and log p(z) - log q(z) (...).

    The density with respect to the ball's Riemannian measure, for v = λ_μ log_μ(z), r = |v| = d(μ, z) (the paper's equation 5):

        N(v; 0, σ²) (√c r / sinh √c r)^(D-1)

    Both distances, d(μ, z) and d(0, z), are computed from tangent vectors, because near the boundary the float32 coordinates of a
    point determine its distance only to about one unit.

    Args:
        mean: tangent vectors at the origin (..., D), see `WrappedNormalCode.posterior`.
        log_variance: log σ² (..., D).
        noise: (..., D).
        c: curvature.
    """
    root = math.sqrt(c)
    v = ops.exp(0.5 * log_variance) * noise
    m, r = root * poincare.norm(mean), root * poincare.norm(v)
    u, w = root * mean / m, root * v / r
    a, b = ops.tanh(m / 2), ops.tanh(r / 2)
    cosine = ops.sum(u * w, axis=-1, keepdims=True)
    # √c (μ ⊕ exp_0(v/2)); 1 + 2ab cos + a²b² is written without cancellation for opposite vectors.
    denominator = ops.square(1 - a * b) + a * b * ops.sum(ops.square(u + w), axis=-1, keepdims=True)
    denominator = ops.maximum(denominator, 1e-12)
    z = ((1 + 2 * a * b * cosine + ops.square(b)) * a * u + ops.exp(_log_sech_squared(m / 2)) * b * w) / denominator
    # sinh²(d/2) = |z|² / (1 - |z|²), in logarithms, and 1 - |x ⊕ y|² = (1 - |x|²) (1 - |y|²) / denominator.
    log_rest = _log_sech_squared(m / 2) + _log_sech_squared(r / 2) - ops.log(denominator)
    log_sinh = ops.log(ops.sum(ops.square(z), axis=-1, keepdims=True) + 1e-12) - log_rest
    from_origin = 2 * ops.logaddexp(0.5 * log_sinh, 0.5 * ops.softplus(log_sinh))
    dimensions = mean.shape[-1]
    log_ratio = (dimensions - 1) * (_log_shrinkage(from_origin) - _log_shrinkage(r)) - 0.5 * ops.square(from_origin) / c
    log_ratio = ops.squeeze(log_ratio, axis=-1) + 0.5 * ops.sum(ops.square(noise) + log_variance, axis=-1)
    return poincare.inside(z / root, c), log_ratio


def _log_sech_squared(x):
    """log(1 - tanh² x), x >= 0, also where tanh rounds to 1."""
    return 2 * (math.log(2) - x - ops.log1p(ops.exp(-2 * x)))


def _log_shrinkage(t):
    """log(t / sinh t), t >= 0."""
    t = ops.maximum(t, 1e-3)
    return ops.log(-2 * t / ops.expm1(-2 * t)) - t
