"""Regularized autoencoders: the moments of their codes, and the two penalties on the decoder."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.layers.bottlenecks.moments import RunningMoments
from zoo.layers.bottlenecks.regularized import RegularizedCode


def moments(units=3, **options):
    made = RunningMoments(units, **options)
    made.build()
    return made


def rows(n=300, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3)) + 2).astype(np.float32)


def test_moments_are_those_of_all_rows_whatever_the_batches():
    x, running = rows(), moments()
    for start, stop in ((0, 7), (7, 150), (150, 151), (151, 300)):
        running.update(x[start:stop])
    np.testing.assert_allclose(running.mean, x.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(running.covariance, np.cov(x.T, bias=True), rtol=1e-3, atol=1e-4)
    assert float(running.seen) == 300


def test_moments_forget_what_is_beyond_the_window():
    running, late = moments(window=300), rows(seed=1)
    for x in [rows() + 100, *[late] * 8]:
        for start in range(0, 300, 50):
            running.update(x[start : start + 50])
    # 48 batches later the first have a weight of (1 - 1/6)^48.
    np.testing.assert_allclose(running.mean, late.mean(axis=0), atol=0.3)
    assert float(running.seen) == 300


def test_draws_follow_the_moments_and_an_untrained_model_has_none():
    running = moments()
    with pytest.raises(zoo.ZooError, match="train it before sampling"):
        running.draw(3, seed=0)
    x = rows()
    running.update(x)
    z = running.draw(40_000, seed=0)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0), x.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.cov(x.T), rtol=0.05, atol=0.05)
    np.testing.assert_array_equal(z, running.draw(40_000, seed=0))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_training_keeps_the_moments_of_the_codes(images, policy, precision):
    policy(precision)
    model = tiny("rae_l2_mlp")
    model.compile(keras.optimizers.SGD(0.0))
    model.fit(images, batch_size=16, epochs=3, verbose=0, validation_data=(images[:5], None))
    z = model.encode(images)
    kept = model.bottleneck.moments
    tolerance = 1e-4 if precision == "float32" else 0.02
    np.testing.assert_allclose(kept.mean, z.mean(axis=0), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(kept.covariance, np.cov(z.T, bias=True), rtol=tolerance, atol=tolerance)
    assert float(kept.seen) == 3 * len(images), "validation is not counted"


def test_the_embedding_term_is_half_the_squared_length():
    layer = RegularizedCode(2, beta=0.1, weight=0.0)
    layer.build((None, 2))
    layer.dense.kernel.assign(np.eye(2))
    layer(np.array([[1.0, 2.0], [3.0, 0.0]], np.float32))
    assert float(layer.losses[0]) == pytest.approx(0.1 * 0.5 * (5 + 9) / 2)


def test_l2_is_that_of_all_the_decoders_weights_and_no_others(images):
    model = tiny("rae_l2_mlp", weight=0.3)
    model(images[:4])
    expected = 0.3 * sum(float(np.square(w).sum()) for w in model.decoder.get_weights())
    assert float(model.losses[1]) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_penalty_is_unbiased():
    keras.utils.set_random_seed(0)
    model = tiny("rae_gp_mlp", input_shape=(4, 3, 1), latent_dim=3, hidden=(7,), activation="tanh")
    z, step = np.array([[0.3, -0.8, 1.1]], np.float32), 1e-2
    outputs, squared = model.decoder_slope(ops.convert_to_tensor(np.tile(z, (4000, 1))))
    np.testing.assert_allclose(outputs[:1], model.decoder.backbone(z), rtol=1e-5, atol=1e-6)
    moved = [(model.decode(z + e) - model.decode(z - e)) / (2 * step) for e in np.eye(3, dtype=np.float32) * step]
    expected = float(np.square(moved).sum())
    squared = ops.convert_to_numpy(squared)
    error = squared.std() / np.sqrt(len(squared))
    assert error < 0.05 * expected
    assert abs(squared.mean() - expected) < 4 * error + 2e-3 * expected


@pytest.mark.slow
def test_the_gradient_penalty_makes_the_decoder_flat(digits):
    images, slopes = digits[0][:512], {}
    for weight in (0.0, 5.0):
        keras.utils.set_random_seed(0)
        model = tiny("rae_gp_mlp", weight=weight, beta=0.05, hidden=(32,))
        model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=8)
        model.fit(images, batch_size=64, epochs=15, verbose=0)
        slopes[weight] = float(ops.mean(model.decoder_slope(ops.convert_to_tensor(model.encode(images)))[1]))
    assert slopes[5.0] < 0.5 * slopes[0.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rae_l2_mlp", "rae_gp_mlp"])
def test_training_on_digits_brings_reconstructions_nearer(name, digits):
    images = digits[0]
    keras.utils.set_random_seed(0)
    model = tiny(name, latent_dim=8, hidden=(64,))
    model.compile(keras.optimizers.Adam(3e-3), steps_per_execution=28)
    before = float(np.mean((model.reconstruct(images) - images / 255) ** 2))
    history = model.fit(images, batch_size=64, epochs=10, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert float(np.mean((model.reconstruct(images) - images / 255) ** 2)) < 0.6 * before
    samples = model.sample(64, seed=0)
    assert samples.shape == (64, 8, 8, 1) and np.isfinite(samples).all()
    # Draws of the fitted Gaussian look like digits at least in their mean.
    assert np.abs(samples.mean(axis=0) - images.mean(axis=0) / 255).mean() < 0.1
