"""The Poincaré ball's geometry, and the wrapped normal in it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.bottlenecks.wrapped_normal import WrappedNormalCode, wrap
from zoo.layers.math import poincare

rng = np.random.default_rng(0)


def points(n, units, c, most=0.9):
    """Points (n, units), float64, in the ball."""
    z = rng.normal(size=(n, units))
    return z / np.linalg.norm(z, axis=1, keepdims=True) * rng.uniform(0, most / np.sqrt(c), (n, 1))


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("c", [0.5, 1.0, 2.0])
def test_exponential_and_logarithm_invert_each_other(c):
    x, y = points(50, 3, c), points(50, 3, c)
    np.testing.assert_allclose(poincare.exp_map(x, poincare.log_map(x, y, c), c), y, atol=1e-6)
    v = rng.normal(size=(50, 3)) * 0.3
    np.testing.assert_allclose(poincare.log_map(x, poincare.exp_map(x, v, c), c), v, atol=1e-6)


@pytest.mark.parametrize("c", [0.5, 1.0, 2.0])
def test_distance_has_its_other_closed_form_and_is_the_length_of_the_logarithm(c):
    x, y = points(50, 3, c), points(50, 3, c)

    def rest(z):
        return 1 - c * (z**2).sum(axis=1)

    expected = np.arccosh(1 + 2 * c * ((x - y) ** 2).sum(axis=1) / (rest(x) * rest(y))) / np.sqrt(c)
    distance = numpy(poincare.distance(x, y, c))[:, 0]
    np.testing.assert_allclose(distance, expected, rtol=1e-6)
    lengths = 2 / rest(x) * np.linalg.norm(poincare.log_map(x, y, c), axis=1)
    np.testing.assert_allclose(lengths, expected, rtol=1e-6)


def log_density(z, mean, log_variance, c):
    """The wrapped normal's, in float64 and straight from the paper: `mean` is a point of the ball."""
    v = numpy(poincare.conformal_factor(mean, c) * poincare.log_map(mean, z, c))
    r = np.sqrt(c) * numpy(poincare.distance(mean, z, c))[..., 0]
    normal = -0.5 * (v**2 / np.exp(log_variance) + log_variance + np.log(2 * np.pi)).sum(axis=-1)
    return normal + (z.shape[-1] - 1) * np.log(r / np.sinh(r))


def disk(c, reach=9.0, n=600):
    """Points of a polar grid (n, n, 2), and the function that integrates over it, in the disk's own measure."""
    radius, angle = np.linspace(1e-3, reach, n), np.linspace(0, 2 * np.pi, n)
    r, a = np.meshgrid(radius, angle, indexing="ij")
    z = np.tanh(np.sqrt(c) * r / 2)[..., None] / np.sqrt(c) * np.stack([np.cos(a), np.sin(a)], axis=-1)
    area = np.sinh(np.sqrt(c) * r) / np.sqrt(c)
    return z, lambda values: np.trapezoid(np.trapezoid(values * area, angle, axis=1), radius)


@pytest.mark.parametrize("c", [0.7, 1.0])
def test_density_integrates_to_one_and_the_draws_estimate_its_divergence(c):
    z, integral = disk(c)
    tangent, log_variance = np.array([0.9, -0.5]), np.array([-1.0, -0.3])
    origin = np.zeros(2)
    mean = numpy(poincare.exp_map(origin, tangent / 2, c))
    log_q, log_p = log_density(z, mean, log_variance, c), log_density(z, origin, np.zeros(2), c)
    assert integral(np.exp(log_q)) == pytest.approx(1, abs=2e-3)
    assert integral(np.exp(log_p)) == pytest.approx(1, abs=2e-3)
    expected = integral(np.exp(log_q) * (log_q - log_p))

    noise = rng.normal(size=(20_000, 2)).astype(np.float32)
    drawn, log_ratio = (numpy(t) for t in wrap(np.float32([tangent]), np.float32([log_variance]), noise, c))
    error = log_ratio.std() / np.sqrt(len(noise))
    assert error < 0.02 and abs(-log_ratio.mean() - expected) < 5 * error
    # Draw by draw, the ratio of the densities where the draw fell.
    drawn = drawn.astype(np.float64)
    there = log_density(drawn, origin, np.zeros(2), c) - log_density(drawn, mean, log_variance, c)
    np.testing.assert_allclose(log_ratio, there, atol=2e-3)
    first = integral(np.exp(log_q) * z[..., 0])
    assert abs(drawn[:, 0].mean() - first) < 5 * drawn[:, 0].std() / np.sqrt(len(drawn))


def test_ratio_is_exact_near_the_boundary():
    """Where float32 coordinates say next to nothing: against float64."""
    tangent = np.array([[8.0, 5.0, -1.0]]).repeat(200, axis=0)
    noise, log_variance = rng.normal(size=(200, 3)), np.full((200, 3), -1.5)
    z = numpy(poincare.add(*(poincare.exp_map(np.zeros_like(v), v / 2, 1.0) for v in (tangent, np.exp(-0.75) * noise)), 1.0))
    center = numpy(poincare.exp_map(np.zeros_like(tangent), tangent / 2, 1.0))
    r = [numpy(poincare.distance(np.zeros_like(z), z, 1.0))[:, 0], np.exp(-0.75) * np.linalg.norm(noise, axis=1)]
    expected = 2 * (np.log(r[0] / np.sinh(r[0])) - np.log(r[1] / np.sinh(r[1]))) - r[0] ** 2 / 2
    expected += 0.5 * (noise**2 + log_variance).sum(axis=1)
    _, log_ratio = wrap(*(np.float32(t) for t in (tangent, log_variance, noise)), 1.0)
    assert np.linalg.norm(center, axis=1).min() > 1 - 2e-4
    np.testing.assert_allclose(log_ratio, expected, rtol=1e-3)


def fixed(mean, log_variance, **options):
    keras.utils.set_random_seed(3)
    layer = WrappedNormalCode(len(mean), **options)
    layer.build((None, 2))
    for dense, bias in ((layer.mean, mean), (layer.log_variance, log_variance)):
        dense.kernel.assign(np.zeros((2, len(mean))))
        dense.bias.assign(bias)
    return layer


def test_importance_weights_average_to_one():
    layer = fixed([0.3, -0.2, 0.1], [-0.2, 0.1, 0.1], curvature=0.5)
    z, log_weights = layer.importance_samples(np.ones((2, 2), np.float32), 20_000, seed=5)
    weights = np.exp(numpy(log_weights))
    assert z.shape == (2, 20_000, 3) and weights.shape == (2, 20_000)
    error = weights.std(axis=1) / np.sqrt(weights.shape[1])
    assert np.all(np.abs(weights.mean(axis=1) - 1) < 5 * error) and np.all(error < 0.05)


def test_a_posterior_that_is_the_prior_costs_nothing():
    layer = fixed(np.zeros(3), np.zeros(3))
    layer(np.ones((30, 2), np.float32))
    assert abs(float(layer.losses[0])) < 1e-4


def test_samples_of_the_prior_lie_at_normal_distances():
    layer = fixed(np.zeros(2), np.zeros(2), curvature=2.0)
    z = layer.sample_prior(20_000, seed=1)
    assert np.linalg.norm(z, axis=1).max() < 1 / np.sqrt(2)
    distances = numpy(poincare.distance(np.zeros_like(z), z, 2.0))
    assert (distances**2).mean() == pytest.approx(2, rel=0.03)
    np.testing.assert_array_equal(z, layer.sample_prior(20_000, seed=1))


@pytest.mark.parametrize("mean", [0.0, 1e5])
@pytest.mark.parametrize("log_variance", [-1e4, 1e4])
def test_extremes_stay_finite_and_inside(mean, log_variance):
    layer = fixed(np.full(3, mean), np.full(3, log_variance))
    h = np.ones((50, 2), np.float32)
    with tf.GradientTape() as tape:
        z = layer(h)
        loss = layer.losses[0] + ops.sum(z)
    assert np.isfinite(loss)
    for point in (z, layer.code(h)):
        assert np.linalg.norm(point, axis=1).max() < 1
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, [v.value for v in layer.trainable_variables]))


def test_a_ball_is_curved():
    with pytest.raises(ZooError, match="positive"):
        tiny("poincare_vae_mlp", curvature=0)


@pytest.mark.slow
def test_training_on_digits(digits):
    keras.utils.set_random_seed(0)
    model = tiny("poincare_vae_mlp", latent_dim=2, hidden=(64,))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(digits[0], epochs=5, batch_size=32, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0] and history["kl"][-1] > 0.5
    assert np.isfinite(model.sample(5)).all()
