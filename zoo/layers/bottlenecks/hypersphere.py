"""The hyperspherical bottleneck: a von Mises-Fisher posterior on the unit sphere and the uniform prior."""

import math

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.code import Bottleneck, flatten
from zoo.layers.math.bessel import scaled_log_and_ratio
from zoo.layers.math.fast import argmax

# Wood's sampler accepts at least two of three proposals. All of these fail once in 10^11 samples; then the first is used.
_PROPOSALS = 24
# The Bessel functions are tested up to this argument.
_MAX_CONCENTRATION = 1e4
_NODES, _WEIGHTS = (values.astype(np.float32) for values in np.polynomial.legendre.leggauss(24))
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


class HypersphericalCode(Bottleneck):
    """z ~ vMF(μ(h), κ(h)) on the unit sphere of R^D; the loss term is KL(vMF(μ, κ) || uniform), in nats, mean over the batch.

    Davidson, Falorsi, De Cao, Kipf & Tomczak 2018, "Hyperspherical variational auto-encoders", arXiv:1804.00891. The
    features are the mean directions.

    Args:
        units: D, at least 2.
    """

    loss_names = ("kl",)
    in_nats = True

    def __init__(self, units, **kwargs):
        if units < 2:
            raise ZooError(f"got latent_dim={units}, expected at least 2 dimensions for a hypersphere; give a larger latent_dim.")
        super().__init__(**kwargs)
        self.direction = keras.layers.Dense(units)
        self.concentration = keras.layers.Dense(1)
        self.seed_generator = keras.random.SeedGenerator()
        self.code_shape = (units,)

    def build(self, input_shape):
        shape = (None, int(np.prod(input_shape[1:])))
        self.direction.build(shape)
        self.concentration.build(shape)
        self.built = True

    def posterior(self, h):
        """Mean direction (N, D), of length 1, and concentration κ >= 1 (N, 1), float32, of q(z|x)."""
        h = flatten(h)
        concentration = ops.softplus(ops.cast(self.concentration(h), "float32")) + 1
        return normalized(ops.cast(self.direction(h), "float32")), ops.minimum(concentration, _MAX_CONCENTRATION)

    def call(self, h):
        mean, concentration = self.posterior(h)
        self.add_term("kl", ops.squeeze(divergence(concentration, self.code_shape[0]), axis=-1))
        z, _ = draw(mean, concentration, self.seed_generator)
        return ops.cast(z, self.compute_dtype)

    def code(self, h):
        return ops.cast(self.posterior(h)[0], self.compute_dtype)

    def importance_samples(self, h, k, seed):
        """`k` samples per row from q(z|x) and their weights: z (N, k, D) and log p(z) - log q(z|x) (N, k)."""
        mean, concentration = (ops.repeat(ops.expand_dims(t, 1), k, axis=1) for t in self.posterior(h))
        z, gap = draw(mean, concentration, seed)
        log, _ = scaled_log_and_ratio(self.code_shape[0] / 2 - 1, concentration)
        # log q(z) - log p(z) = κ μ·z - g(κ), with κ subtracted from both terms.
        return z, ops.squeeze(log + concentration * gap, axis=-1)

    def sample_prior(self, n, seed):
        return uniform(n, self.code_shape[0], seed)


def uniform(n, units, seed):
    """`n` points (n, units), float32 numpy, uniform on the unit sphere."""
    z = np.random.default_rng(seed).standard_normal((n, units))
    return (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32)


def normalized(x):
    """Vectors along the last axis, scaled to length 1."""
    return x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-12)


def divergence(concentration, units):
    """KL(vMF(·, κ) || uniform) on the unit sphere of R^units, in nats, shape of κ: κ A(κ) - g(κ) = g'(κ) κ - g(κ).

    The paper's closed form in the functions of `zoo.layers.math.bessel`, at order units/2 - 1.
    """
    log, ratio = scaled_log_and_ratio(units / 2 - 1, concentration)
    return -concentration * (1 - ratio) - log


def draw(mean, concentration, seed):
    """One sample of vMF(mean, κ) for each direction (..., D) and κ (..., 1): z (..., D) and 1 - mean·z (..., 1), float32.

    z = (1 - t) μ + sqrt(t (2 - t)) v, v uniform among the unit vectors orthogonal to μ. Differentiable in mean and κ.
    """
    gap = _draw_gap(concentration, mean.shape[-1], seed)
    tangent = keras.random.normal(ops.shape(mean), dtype="float32", seed=seed)
    for _ in range(2):
        # Orthogonalized twice, because rounding errors are large for a vector that was almost parallel.
        tangent = normalized(tangent - ops.sum(tangent * mean, axis=-1, keepdims=True) * mean)
    return (1 - gap) * mean + ops.sqrt(ops.maximum(gap * (2 - gap), 1e-12)) * tangent, gap


def _draw_gap(concentration, units, seed):
    """Samples of t = 1 - μ·z (..., 1) by rejection (Wood 1994, "Simulation of the von Mises Fisher distribution").

    All proposals are computed at once, and the first accepted one is used. Gradients with respect to κ are those of the inverse
    distribution function and therefore exact; those of the proposal alone would not be.
    """
    k, m = ops.stop_gradient(concentration), units - 1
    root = ops.sqrt(4 * ops.square(k) + m**2)
    b = m / (2 * k + root)
    a = (m + 2 * k + root) / 4
    shape = (*ops.shape(k)[:-1], _PROPOSALS)
    first, second, third = (keras.random.uniform(shape, dtype="float32", seed=seed) for _ in range(3))
    # e ~ Beta(m/2, m/2) from two uniforms (Ulrich 1984), for m = 1 the arcsine distribution.
    spread = ops.cos(2 * math.pi * first)
    if units > 2:
        spread = spread * ops.sqrt(-ops.expm1(2 / (units - 2) * ops.log(second)))
    e, f = (1 + spread) / 2, (1 - spread) / 2
    t = 2 * a * b / (f + b * e)
    accepted = m * ops.log(t) - t + 4 * a * b / (1 + b) - m * math.log(m) >= ops.log(third)
    index = argmax(ops.cast(accepted, "int32"))
    gap = ops.take_along_axis(2 * b * e / (f + b * e), ops.expand_dims(index, -1), axis=-1)
    gap = ops.stop_gradient(ops.clip(gap, 1e-9, 2 - 1e-6))
    return gap - (concentration - k) * ops.stop_gradient(_cosine_slope(gap, k, units))


def _cosine_slope(gap, k, units):
    """∂w/∂κ of the cosine w = μ·z at a fixed value of its distribution function, by quadrature.

    -∂F/∂κ / f(w) = ∫_{-1}^{w} (A - t) f(t) dt / f(w) (implicit reparametrization: Figurnov, Mohamed & Mnih 2018,
    arXiv:1805.08498), over the angle φ, cos φ = t, in which f is smooth; beyond the mean A,
    the other tail is integrated, which is shorter.
    """
    _, ratio = scaled_log_and_ratio(units / 2 - 1, k)
    theta = 2 * ops.arctan2(ops.sqrt(gap), ops.sqrt(2 - gap))
    # At least eight standard deviations of the angle.
    reach = 8 * ops.rsqrt(k * ratio + (units - 2) / (1 - ops.square(ratio)))
    span = ops.where(1 - gap >= ratio, -ops.minimum(theta, reach), ops.minimum(math.pi - theta, reach))
    phi = theta + ops.multiply(span, _NODES)
    log_sine = ops.log(ops.maximum(ops.sin(phi), 1e-6)) - ops.log(ops.maximum(ops.sin(theta), 1e-6))
    exponent = 2 * k * ops.sin((theta + phi) / 2) * ops.sin((theta - phi) / 2) + (units - 3) * log_sine
    values = ops.abs(ops.cos(phi) - ratio) * ops.exp(exponent) * ops.sin(phi)
    return ops.abs(span) * ops.sum(ops.multiply(_WEIGHTS, values), axis=-1, keepdims=True)
