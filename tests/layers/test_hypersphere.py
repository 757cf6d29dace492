"""The hyperspherical bottleneck: von Mises-Fisher divergence, draws and their gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import special
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation import log_likelihood
from zoo.layers.bottlenecks.hypersphere import HypersphericalCode, divergence, draw

N = 20_000


def fixed(direction, concentration):
    """A bottleneck whose posterior is the same for every input."""
    keras.utils.set_random_seed(3)
    layer = HypersphericalCode(len(direction))
    layer.build((None, 2))
    layer.direction.kernel.assign(np.zeros((2, len(direction))))
    layer.concentration.kernel.assign(np.zeros((2, 1)))
    layer.direction.bias.assign(direction)
    layer.concentration.bias.assign([np.log(np.expm1(concentration - 1))])
    return layer


def mean_cosine(units, kappa):
    return special.ive(units / 2, kappa) / special.ive(units / 2 - 1, kappa)


def cosine_moment(units, kappa, function):
    """E f(μ·z) of the von Mises-Fisher distribution, by integration over the angle."""
    angle = np.linspace(0, np.pi, 200_001)
    density = np.exp(kappa * (np.cos(angle) - 1)) * np.sin(angle) ** (units - 2)
    return np.trapezoid(function(np.cos(angle)) * density, angle) / np.trapezoid(density, angle)


@pytest.mark.parametrize("kappa", [1.0, 5.0, 80.0])
def test_divergence_is_the_integral_over_the_circle_and_the_sphere(kappa):
    angle = np.linspace(-np.pi, np.pi, 20_001)
    log_q = kappa * np.cos(angle - 0.4)
    log_q -= np.log(np.trapezoid(np.exp(log_q), angle))
    expected = np.trapezoid(np.exp(log_q) * (log_q + np.log(2 * np.pi)), angle)
    assert float(divergence(np.float32([kappa]), 2)[0]) == pytest.approx(expected, rel=1e-4)

    latitude, longitude = np.meshgrid(np.linspace(0, np.pi, 1001), np.linspace(0, 2 * np.pi, 501), indexing="ij")
    z = np.stack([np.sin(latitude) * np.cos(longitude), np.sin(latitude) * np.sin(longitude), np.cos(latitude)], axis=-1)
    log_q, area = kappa * z @ np.array([0.6, 0.0, 0.8]), np.sin(latitude)

    def integral(values):
        return np.trapezoid(np.trapezoid(values * area, longitude, axis=1), latitude[:, 0])

    log_q = log_q - np.log(integral(np.exp(log_q)))
    expected = integral(np.exp(log_q) * (log_q + np.log(4 * np.pi)))
    assert float(divergence(np.float32([kappa]), 3)[0]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("units", "kappa"), [(2, 1.0), (2, 30.0), (3, 4.0), (10, 1.0), (10, 200.0), (64, 40.0)])
def test_draws_have_the_mean_and_the_spread_of_the_distribution(units, kappa):
    mean = np.arange(1, units + 1, dtype=np.float32)
    mean /= np.linalg.norm(mean)
    z, gap = draw(np.tile(mean, (N, 1)), np.full((N, 1), kappa, np.float32), keras.random.SeedGenerator(5))
    z = ops.convert_to_numpy(z)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(1 - ops.convert_to_numpy(gap)[:, 0], z @ mean, atol=1e-4)
    cosine = z @ mean
    assert abs(cosine.mean() - mean_cosine(units, kappa)) < 5 * cosine.std() / np.sqrt(N)
    expected = cosine_moment(units, kappa, lambda t: t**2)
    assert abs((cosine**2).mean() - expected) < 5 * (cosine**2).std() / np.sqrt(N)
    # Around the mean direction all directions are alike.
    aside = z - cosine[:, None] * mean
    assert np.all(np.abs(aside.mean(axis=0)) < 5 * aside.std(axis=0) / np.sqrt(N) + 1e-6)


@pytest.mark.parametrize(("units", "kappa"), [(2, 1.5), (3, 2.0), (3, 50.0), (10, 5.0), (64, 30.0)])
def test_gradients_of_draws_are_those_of_the_expectation(units, kappa):
    """Of E cos and E cos²: the second would miss a bias that the first cannot see."""
    mean = np.eye(units, dtype=np.float32)[:1].repeat(N, axis=0)
    for function in (lambda t: t, lambda t: t**2):
        concentration = tf.fill((N, 1), kappa)
        with tf.GradientTape() as tape:
            tape.watch(concentration)
            value = function(draw(mean, concentration, keras.random.SeedGenerator(7))[0][:, :1])
        slopes = tape.gradient(value, concentration).numpy()
        step = 1e-3 * kappa
        upper, lower = (cosine_moment(units, kappa + d, function) for d in (step, -step))
        expected = (upper - lower) / (2 * step)
        assert slopes.mean() == pytest.approx(expected, rel=0.02, abs=5 * slopes.std() / np.sqrt(N))
        assert slopes.std() / np.sqrt(N) < 0.02 * expected


def test_the_layer_adds_the_divergence_and_codes_by_the_mean_direction():
    layer = fixed(np.array([3.0, 0.0, -4.0]), 6.0)
    h = np.ones((4, 2), np.float32)
    z = ops.convert_to_numpy(layer(h))
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-4)
    assert float(layer.losses[0]) == pytest.approx(float(divergence(np.float32([6.0]), 3)[0]), rel=1e-5)
    np.testing.assert_allclose(layer.code(h), np.tile([0.6, 0, -0.8], (4, 1)), atol=1e-6)
    np.testing.assert_allclose(layer.posterior(h)[1], 6.0, rtol=1e-5)


def test_importance_weights_average_to_one():
    layer = fixed(np.array([0.0, 1.0, 0.0, 0.0]), 2.0)
    z, log_weights = layer.importance_samples(np.ones((2, 2), np.float32), N, seed=keras.random.SeedGenerator(5))
    weights = np.exp(ops.convert_to_numpy(log_weights))
    assert z.shape == (2, N, 4) and weights.shape == (2, N)
    error = weights.std(axis=1) / np.sqrt(N)
    assert np.all(np.abs(weights.mean(axis=1) - 1) < 5 * error) and np.all(error < 0.02)


def test_samples_of_the_prior_are_uniform_and_reproducible():
    layer = fixed(np.array([1.0, 0.0, 0.0]), 2.0)
    z = layer.sample_prior(N, seed=1)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.03)
    # On the sphere in three dimensions every coordinate is uniform.
    np.testing.assert_allclose(np.quantile(z, [0.1, 0.5, 0.9], axis=0), np.tile([[-0.8], [0], [0.8]], (1, 3)), atol=0.04)
    np.testing.assert_array_equal(z, layer.sample_prior(N, seed=1))


@pytest.mark.parametrize("bias", [-1e4, 1e6])
def test_an_extreme_concentration_stays_finite(bias):
    layer = fixed(np.array([1.0, 0.0]), 2.0)
    layer.concentration.bias.assign([bias])
    with tf.GradientTape() as tape:
        z = layer(np.ones((50, 2), np.float32))
        loss = layer.losses[0] + ops.sum(z)
    assert np.isfinite(loss) and 1 <= float(layer.posterior(np.ones((1, 2), np.float32))[1][0, 0]) <= 1e4
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(loss, [v.value for v in layer.trainable_variables]))


def test_a_point_is_no_sphere():
    with pytest.raises(ZooError, match="at least 2"):
        tiny("svae_mlp", latent_dim=1)


@pytest.mark.slow
def test_training_on_digits(digits):
    keras.utils.set_random_seed(0)
    model = tiny("svae_mlp", latent_dim=4, hidden=(64,))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(digits[0], epochs=5, batch_size=32, verbose=0).history
    assert history["loss"][-1] < 0.9 * history["loss"][0] and history["kl"][-1] > 0.5
    assert np.isfinite(model.sample(5)).all()


def test_the_likelihood_under_a_decoder_that_ignores_the_code():
    """Evaluation hands every call one seed: draws that shared their noise would be of another distribution."""
    keras.utils.set_random_seed(0)
    model = tiny("svae_mlp", latent_dim=5)
    for variable in model.decoder.trainable_variables:
        variable.assign(ops.zeros_like(variable))
    x = np.random.default_rng(0).integers(0, 2, (20, 8, 8, 1)).astype(np.float32)
    # Every pixel is black with probability one half.
    np.testing.assert_allclose(log_likelihood(model, x, k=2000), -64 * np.log(2), atol=0.1)
