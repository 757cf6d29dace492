"""Categorical codes: their samples, their divergence, their temperature, and their importance weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation import likelihood
from zoo.layers.bottlenecks.gumbel import GumbelCode

LOGITS = np.array([[1.0, 0.0, -1.0], [0.3, 0.3, 2.0]])
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def fixed(**options):
    """Two variables of three classes, the same for every input."""
    keras.utils.set_random_seed(3)
    layer = GumbelCode(3, groups=2, **options)
    layer.build((None, 4))
    layer.project.kernel.assign(np.zeros((4, 6)))
    layer.project.bias.assign(LOGITS.ravel())
    return layer


def draw(layer, n=20_000, training=True):
    return ops.convert_to_numpy(layer(np.ones((n, 4), np.float32), training=training)).reshape(n, 2, 3)


@pytest.mark.parametrize("training", [True, False])
def test_cold_samples_are_one_hot_with_the_right_frequencies(training):
    z = draw(fixed(temperature=1e-4, min_temperature=1e-4), training=training)
    np.testing.assert_allclose(z.sum(axis=-1), 1, atol=1e-5)
    assert np.mean(z.max(axis=-1) > 0.999) > 0.999
    error = np.sqrt(SHARES * (1 - SHARES) / len(z))
    assert np.all(np.abs(z.mean(axis=0) - SHARES) < 5 * error)


def test_warm_samples_are_soft():
    z = draw(fixed())
    np.testing.assert_allclose(z.sum(axis=-1), 1, atol=1e-5)
    assert np.mean(z.max(axis=-1) < 0.99) > 0.5


def test_straight_through_samples_are_one_hot_with_the_soft_ones_gradient():
    gradients = []
    for hard in (True, False):
        layer = fixed(straight_through=hard)
        with tf.GradientTape() as tape:
            z = layer(np.ones((50, 4), np.float32), training=True)
            value = tf.reduce_sum(z * tf.random.stateless_normal(z.shape, (1, 2)))
        assert np.allclose(np.max(np.reshape(z, (-1, 3)), axis=-1), 1) == hard
        gradients.append(tape.gradient(value, layer.project.bias.value))
    assert np.abs(gradients[0]).max() > 0
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)


def test_the_divergence_is_the_closed_form():
    layer = fixed()
    layer(np.ones((7, 4), np.float32), training=True)
    expected = np.log(3) * 2 + (SHARES * np.log(SHARES)).sum()
    assert float(layer.losses[0]) == pytest.approx(expected, rel=1e-5)


def test_a_sure_posterior_costs_the_logarithm_of_its_classes():
    layer = fixed()
    layer.project.bias.assign([200.0, 0, 0, 0, 200.0, 0])
    layer(np.ones((1, 4), np.float32))
    assert float(layer.losses[0]) == pytest.approx(2 * np.log(3), rel=1e-5)


def test_the_temperature_falls_in_steps_of_training():
    layer = fixed(temperature=1.0, min_temperature=0.4, anneal_rate=0.1, anneal_every=3)
    seen = []
    for _ in range(14):
        seen.append(float(layer.current_temperature()))
        draw(layer, 2)
        draw(layer, 2, training=False)
    np.testing.assert_allclose(seen, np.maximum(np.exp(-0.1 * 3 * (np.arange(14) // 3)), 0.4), rtol=1e-5)


def test_the_step_counts_on_in_bfloat16(policy):
    policy("mixed_bfloat16")
    layer = fixed()
    layer.step.assign(1000.0)
    draw(layer, 2)
    assert float(layer.step) == 1001


def test_importance_weights_are_exact():
    layer = fixed()
    z, log_weights = layer.importance_samples(np.ones((2, 4), np.float32), 20_000, seed=5)
    z, log_weights = ops.convert_to_numpy(z), ops.convert_to_numpy(log_weights)
    assert z.shape == (2, 20_000, 6)
    log_q = (z.reshape(2, -1, 2, 3) * np.log(SHARES)).sum(axis=(2, 3))
    np.testing.assert_allclose(log_weights, -2 * np.log(3) - log_q, rtol=1e-4, atol=1e-5)
    weights = np.exp(log_weights)
    assert np.all(np.abs(weights.mean(axis=1) - 1) < 5 * weights.std(axis=1) / np.sqrt(20_000))


def test_the_bound_in_validation_is_the_discrete_models(images):
    model = tiny("gumbel_vae_conv")
    x = np.where(images > 127, 255, 0).astype(np.uint8)
    losses = [model.evaluate(x, batch_size=40, verbose=0, return_dict=True)["loss"] for _ in range(30)]
    bound = likelihood.elbo(model, x / np.float32(255), k=30)
    assert np.mean(losses) == pytest.approx(-bound.mean(), rel=1e-2)
    assert np.all(likelihood.log_likelihood(model, x / np.float32(255), k=30) >= bound - 1e-3)


def test_codes_and_features(images):
    model = tiny("gumbel_vae_mlp")
    h = model.encoder.backbone(images / np.float32(255))
    code, features = (ops.convert_to_numpy(f(h)).reshape(-1, 4, 4) for f in (model.bottleneck.code, model.bottleneck.features))
    np.testing.assert_allclose(features.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(code.argmax(axis=-1), features.argmax(axis=-1))
    np.testing.assert_array_equal(code.argmax(axis=-1), model.bottleneck.indices(h))
    assert set(np.unique(code)) == {0, 1}


def test_it_learns_digits(digits):
    keras.utils.set_random_seed(0)
    x = digits[0][:1024]
    model = tiny("gumbel_vae_mlp", groups=8)
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(x, batch_size=64, epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.85 * history["loss"][0]
    samples = model.sample(5, seed=0)
    assert np.isfinite(samples).all() and samples.std() > 0


def test_bad_options_say_so():
    with pytest.raises(ZooError, match="min_temperature=2.0"):
        tiny("gumbel_vae_mlp", min_temperature=2.0)
    with pytest.raises(ZooError, match="anneal_every=0"):
        tiny("gumbel_vae_mlp", anneal_every=0)
