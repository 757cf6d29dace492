"""The contractive penalty, exact and estimated, against the Jacobian by finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.bottlenecks.contraction import ContractiveSigmoidCode, squared_jacobian_norm

rng = np.random.default_rng(0)


def finite_difference_norm(function, x, step=1e-5):
    """||J||²_F of a float64 `function` (N, D) -> (N, K) at every row of `x`."""
    norm = np.zeros(len(x))
    for i in range(x.shape[1]):
        e = np.zeros(x.shape[1])
        e[i] = step
        norm += (((function(x + e) - function(x - e)) / (2 * step)) ** 2).sum(axis=1)
    return norm


def sigmoid_layer(x, dense):
    kernel, bias = (ops.convert_to_numpy(v).astype(np.float64) for v in (dense.kernel, dense.bias))
    return 1 / (1 + np.exp(-(x @ kernel + bias)))


@pytest.fixture(scope="module")
def one_layer():
    keras.utils.set_random_seed(0)
    layer = ContractiveSigmoidCode(4, weight=0.5)
    layer.build((None, 6))
    layer.dense.kernel.assign(rng.normal(size=(6, 4)))
    layer.dense.bias.assign(rng.normal(size=4))
    return layer


def test_exact_penalty_is_the_jacobian(one_layer):
    x = rng.normal(size=(5, 6))
    one_layer(x.astype(np.float32))
    expected = 0.5 * finite_difference_norm(lambda v: sigmoid_layer(v, one_layer.dense), x).mean()
    assert float(one_layer.losses[0]) == pytest.approx(expected, rel=1e-5)


def estimates(function, row, draws=4000):
    """Independent estimates at one input: their mean and the standard error of it."""
    x = ops.convert_to_tensor(np.tile(row.astype(np.float32), (draws, *[1] * row.ndim)))
    norm = ops.convert_to_numpy(squared_jacobian_norm(function, x, keras.random.SeedGenerator(7))[1])
    assert norm.shape == (draws,)
    return norm.mean(), norm.std() / np.sqrt(draws)


def test_the_exact_penalty_in_bfloat16_is_that_of_single_precision(one_layer, images, policy):
    policy("mixed_bfloat16")
    model = tiny("contractive_mlp", penalty="exact", hidden=())
    history = model.fit(images, epochs=2, verbose=0).history
    assert np.isfinite(history["contraction"]).all() and history["contraction"][0] > 0


def test_the_estimate_is_unbiased_for_one_layer(one_layer):
    row = rng.normal(size=6)
    mean, error = estimates(one_layer.dense, row)
    expected = finite_difference_norm(lambda v: sigmoid_layer(v, one_layer.dense), row[None])[0]
    assert error < 0.05 * expected
    assert abs(mean - expected) < 4 * error


def test_the_estimate_is_unbiased_for_an_encoder_of_two_layers():
    keras.utils.set_random_seed(1)
    model = tiny("contractive_mlp", input_shape=(5,), hidden=(7,), activation="tanh")
    hidden = next(layer for layer in model.encoder.backbone.stages if isinstance(layer, keras.layers.Dense))
    kernel, bias = (ops.convert_to_numpy(v).astype(np.float64) for v in (hidden.kernel, hidden.bias))
    row = rng.normal(size=5)
    mean, error = estimates(model.encoder, row)
    expected = finite_difference_norm(lambda v: sigmoid_layer(np.tanh(v @ kernel + bias), model.bottleneck.dense), row[None])[0]
    assert error < 0.05 * expected
    assert abs(mean - expected) < 4 * error


def test_the_estimate_can_be_learned_from(one_layer):
    """Its gradient is, on average, that of the exact penalty."""
    x = ops.convert_to_tensor(np.tile(rng.normal(size=(1, 6)).astype(np.float32), (4000, 1)))
    kernel = one_layer.dense.kernel.value
    with tf.GradientTape() as tape:
        _, norm = squared_jacobian_norm(one_layer.dense, x, keras.random.SeedGenerator(8))
        estimate = tf.reduce_mean(norm)
    estimated = tape.gradient(estimate, kernel).numpy()
    with tf.GradientTape() as tape:
        one_layer(x)
        exact = one_layer.losses[0] / 0.5
    expected = tape.gradient(exact, kernel).numpy()
    assert np.linalg.norm(estimated - expected) < 0.1 * np.linalg.norm(expected)


def test_the_model_adds_the_weighted_mean(images):
    keras.utils.set_random_seed(2)
    exact = tiny("contractive_mlp", penalty="exact", hidden=(), weight=0.3)
    estimated = tiny("contractive_mlp", hidden=(), weight=0.3)
    for target, source in zip(estimated.trainable_variables, exact.trainable_variables):
        target.assign(source)
    x = np.repeat(images, 100, axis=0)
    for model in (exact, estimated):
        model(x, training=True)
    assert float(estimated.losses[0]) == pytest.approx(float(exact.losses[0]), rel=0.05)
    np.testing.assert_allclose(estimated(images), exact(images), rtol=1e-4, atol=1e-5)


def test_the_exact_penalty_of_a_deep_encoder_is_refused():
    with pytest.raises(ZooError, match="penalty='stochastic'"):
        tiny("contractive_mlp", penalty="exact", hidden=(16,))
    with pytest.raises(ZooError, match="penalty='stochastic'"):
        tiny("contractive_conv", penalty="exact")
    with pytest.raises(ZooError, match="expected 'exact' or 'stochastic'"):
        tiny("contractive_mlp", penalty="exat")
