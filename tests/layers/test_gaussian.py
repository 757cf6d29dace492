"""The variational bottleneck: its divergence, free bits, warm-up, and importance weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

from zoo.layers.bottlenecks.gaussian import GaussianCode

MEAN, LOG_VARIANCE = np.array([0.7, -1.2, 0.0]), np.array([-1.0, 0.4, 0.0])


def fixed(mean=MEAN, log_variance=LOG_VARIANCE, **options):
    """A bottleneck whose posterior is the same for every input."""
    keras.utils.set_random_seed(3)
    layer = GaussianCode(len(mean), **options)
    layer.build((None, 2))
    layer.mean.kernel.assign(np.zeros((2, len(mean))))
    layer.log_variance.kernel.assign(np.zeros((2, len(mean))))
    layer.mean.bias.assign(mean)
    layer.log_variance.bias.assign(log_variance)
    return layer


def penalty(layer, rows=4, training=True):
    layer(np.ones((rows, 2), np.float32), training=training)
    return float(layer.losses[0])


def numerical_divergence(mean, log_variance):
    z = np.linspace(-15, 15, 200_001)
    variance = np.exp(log_variance)
    log_q = -0.5 * ((z - mean) ** 2 / variance + np.log(2 * np.pi * variance))
    log_p = -0.5 * (z**2 + np.log(2 * np.pi))
    return np.trapezoid(np.exp(log_q) * (log_q - log_p), z)


def test_divergence_is_the_integral():
    expected = sum(numerical_divergence(m, v) for m, v in zip(MEAN, LOG_VARIANCE))
    assert penalty(fixed()) == pytest.approx(expected, rel=1e-5)
    assert penalty(fixed(beta=3.0)) == pytest.approx(3 * expected, rel=1e-5)


def test_draws_follow_the_posterior():
    z = ops.convert_to_numpy(fixed()(np.ones((20_000, 2), np.float32), training=True))
    deviation = np.exp(LOG_VARIANCE / 2)
    assert np.all(np.abs(z.mean(axis=0) - MEAN) < 5 * deviation / np.sqrt(20_000))
    np.testing.assert_allclose(z.std(axis=0), deviation, rtol=0.03)


def test_the_code_is_the_mean():
    code = ops.convert_to_numpy(fixed().code(np.ones((5, 2), np.float32)))
    np.testing.assert_allclose(code, np.tile(MEAN, (5, 1)), rtol=1e-6)


def test_free_bits_floor_the_term_and_stop_its_gradient():
    # The first latent variable costs far less than the floor, the second far more.
    layer = fixed(mean=np.array([0.1, 2.0]), log_variance=np.zeros(2), free_bits=0.5)
    with tf.GradientTape() as tape:
        layer(np.ones((4, 2), np.float32), training=True)
        loss = layer.losses[0]
    assert float(loss) == pytest.approx(0.5 + 2.0, rel=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, layer.mean.bias.value), [0.0, 2.0], rtol=1e-5)


def test_free_bits_look_at_the_batch_not_at_the_row():
    layer = GaussianCode(1, free_bits=0.5)
    layer.build((None, 1))
    layer.mean.kernel.assign([[1.0]])
    layer.log_variance.kernel.assign([[0.0]])
    layer(np.array([[0.0], [2.0]], np.float32))
    # Rows cost 0 and 2 nats, 1 on average: above the floor, though one row is below.
    assert float(layer.losses[0]) == pytest.approx(1.0, rel=1e-5)


def test_warm_up_rises_a_training_step_at_a_time():
    layer, full = fixed(warmup_steps=4, beta=2.0), penalty(fixed(beta=2.0))
    rising = []
    for _ in range(6):
        assert penalty(layer, training=False) == pytest.approx(full), "validation counts the divergence in full"
        rising.append(penalty(layer) / full)
    np.testing.assert_allclose(rising, [0.25, 0.5, 0.75, 1, 1, 1], rtol=1e-6)


def test_warm_up_shows_in_fit(images):
    model = tiny("beta_vae_mlp", warmup_steps=10, beta=1.0)
    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(images, batch_size=len(images), epochs=3, verbose=0, validation_data=(images, None)).history
    # One step an epoch, of a divergence that no learning changes.
    np.testing.assert_allclose(np.array(history["kl"]) / history["val_kl"][0], [0.1, 0.2, 0.3], rtol=1e-4)
    np.testing.assert_allclose(history["val_kl"], history["val_kl"][0], rtol=1e-6)


def test_importance_weights_average_to_one():
    layer = fixed(mean=np.array([0.5, -0.5]), log_variance=np.array([-0.1, -0.2]))
    _, log_weights = layer.importance_samples(np.ones((2, 2), np.float32), 20_000, seed=5)
    weights = np.exp(ops.convert_to_numpy(log_weights))
    assert weights.shape == (2, 20_000)
    error = weights.std(axis=1) / np.sqrt(weights.shape[1])
    assert np.all(np.abs(weights.mean(axis=1) - 1) < 5 * error)
    assert np.all(error < 0.02)


def test_samples_of_the_prior_are_standard_normal_and_reproducible():
    layer = fixed()
    z = layer.sample_prior(20_000, seed=1)
    assert z.shape == (20_000, 3)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.03)
    np.testing.assert_array_equal(z, layer.sample_prior(20_000, seed=1))
    assert np.any(z != layer.sample_prior(20_000, seed=2))


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_an_extreme_posterior_stays_finite(extreme):
    layer = fixed(mean=np.zeros(1), log_variance=np.array([extreme]))
    assert np.isfinite(penalty(layer))
