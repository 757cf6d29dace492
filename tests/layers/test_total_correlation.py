"""The divergence in three parts: against a Gaussian's closed form, against the sum over all images, and against the whole."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.layers.bottlenecks.gaussian import GaussianCode
from zoo.layers.bottlenecks.total_correlation import TotalCorrelationCode, decomposition, log_weights


def parts(z, mean, log_variance, weights):
    return [
        ops.convert_to_numpy(part) for part in decomposition(*(a.astype("float32") for a in (z, mean, log_variance)), weights)
    ]


def test_total_correlation_of_a_gaussian():
    """Means and noise are Gaussian, and so is the code: all three parts are known."""
    rng = np.random.default_rng(0)
    count, noise = 2000, 0.3
    covariance = np.array([[1.6, 1.0], [1.0, 1.4]])
    mean = rng.multivariate_normal([0.3, -0.2], covariance - noise * np.eye(2), size=count)
    # Its sample moments are exactly what they should be, so that only the estimate's own error is left.
    mean -= mean.mean(axis=0)
    mean = mean @ np.linalg.inv(np.linalg.cholesky(np.cov(mean.T, ddof=0))).T
    mean = mean @ np.linalg.cholesky(covariance - noise * np.eye(2)).T + [0.3, -0.2]
    z = mean + np.sqrt(noise) * rng.normal(size=mean.shape)
    log_variance = np.full_like(mean, np.log(noise))
    found = [p.mean() for p in parts(z, mean, log_variance, log_weights(count, count, "stratified"))]
    variances = np.diag(covariance)
    information = 0.5 * np.log(np.linalg.det(covariance) / noise**2)
    correlation = 0.5 * np.log(np.prod(variances) / np.linalg.det(covariance))
    dimensions = 0.5 * np.sum(variances + np.array([0.3, -0.2]) ** 2 - 1 - np.log(variances))
    assert correlation > 0.25
    np.testing.assert_allclose(found, [information, correlation, dimensions], atol=0.06)


def test_independent_variables_have_none():
    rng = np.random.default_rng(1)
    mean = rng.normal(size=(2000, 2))
    z = mean + 0.5 * rng.normal(size=mean.shape)
    found = parts(z, mean, np.full_like(mean, np.log(0.25)), log_weights(2000, 2000, "stratified"))
    assert abs(found[1].mean()) < 0.04


@pytest.mark.parametrize("sampling", ["stratified", "weighted"])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_parts_sum_to_the_whole(sampling, batch):
    rng = np.random.default_rng(batch)
    z, mean, log_variance = rng.normal(size=(3, batch, 4))
    found = sum(parts(z, mean, log_variance, log_weights(batch, 100, sampling)))
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_variance) + log_variance).sum(axis=1)
    np.testing.assert_allclose(found, log_q + 0.5 * (z**2).sum(axis=1), rtol=1e-4, atol=1e-4)


def test_stratified_weights_are_those_of_the_paper():
    n, batch = 50, 5
    weights = np.exp(ops.convert_to_numpy(log_weights(batch, n, "stratified")))
    np.testing.assert_allclose(np.diag(weights), 1 / n, rtol=1e-5)
    np.testing.assert_allclose([weights[i, (i + 1) % batch] for i in range(batch)], (n - 4) / (n * 4), rtol=1e-5)
    assert np.sum(np.isclose(weights, 1 / 4)) == batch * (batch - 2)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_weighted_weights_are_those_of_the_paper():
    weights = np.exp(ops.convert_to_numpy(log_weights(5, 50, "weighted")))
    np.testing.assert_allclose(weights, np.full((5, 5), 1 / 250), rtol=1e-5)


def test_stratified_sampling_has_the_right_mean():
    """Over all batches that hold image 0, the estimate of q(z_0) is the mean over all images; the weighted one is not."""
    rng = np.random.default_rng(0)
    n, batch = 30, 6
    density = rng.gamma(1.0, size=n)
    density[0] = 40
    weights = {s: np.exp(ops.convert_to_numpy(log_weights(batch, n, s)))[0] for s in ("stratified", "weighted")}
    drawn = np.stack([np.r_[0, 1 + rng.permutation(n - 1)[: batch - 1]] for _ in range(20_000)])
    estimates = density[drawn] @ weights["stratified"]
    assert abs(estimates.mean() - density.mean()) < 4 * estimates.std() / np.sqrt(len(estimates))
    assert abs((density[drawn] @ weights["weighted"]).mean() / density.mean() - 1) > 0.5


@pytest.mark.parametrize("sampling", ["stratified", "weighted"])
@pytest.mark.parametrize("batch", [1, 2, 3, 9])
def test_any_batch_will_do(sampling, batch):
    for n in (1, 5, 1000):
        weights = ops.convert_to_numpy(log_weights(batch, n, sampling))
        assert weights.shape == (batch, batch) and np.isfinite(weights).all()


def terms(layer, h, repeats):
    """The terms, each its mean over draws."""
    found = []
    for _ in range(repeats):
        layer(h, training=True)
        found.append([float(value) for value in layer.losses])
    return np.mean(found, axis=0), np.std(np.sum(found, axis=1)) / np.sqrt(repeats)


def test_with_unit_weights_it_is_the_divergence():
    h = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    keras.utils.set_random_seed(0)
    plain = GaussianCode(4)
    plain(h, training=True)
    for sampling in ("stratified", "weighted"):
        keras.utils.set_random_seed(0)
        layer = TotalCorrelationCode(4, 100, 1.0, 1.0, 1.0, sampling)
        layer.build(h.shape)
        layer.set_weights(plain.get_weights()[: len(layer.get_weights())])
        mean, error = terms(layer, h, 40)
        assert abs(mean.sum() - float(plain.losses[0])) < 4 * error
        assert error < 0.04 * mean.sum()


def test_each_weight_is_of_its_term():
    h = 2 * np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)

    def penalties(*weights):
        keras.utils.set_random_seed(0)
        layer = TotalCorrelationCode(3, 500, *weights, "stratified")
        layer(h, training=True)
        return np.array([float(value) for value in layer.losses])

    unit = penalties(1.0, 1.0, 1.0)
    assert np.abs(unit).min() > 1e-3
    np.testing.assert_allclose(penalties(2.0, 6.0, 0.5), unit * [2, 6, 0.5], rtol=1e-5)


@pytest.mark.parametrize("options, message", [(dict(sampling="all"), "sampling='all'"), (dict(dataset_size=0), "dataset_size=0")])
def test_options_that_cannot_be(options, message):
    with pytest.raises(zoo.ZooError, match=message):
        tiny("beta_tc_vae_mlp", **options)


@pytest.mark.slow
def test_training_makes_the_latents_less_dependent(digits):
    images = digits[0]
    correlation = {}
    for beta in (1.0, 20.0):
        keras.utils.set_random_seed(0)
        model = tiny("beta_tc_vae_mlp", hidden=(64,), beta=beta, dataset_size=len(images))
        model.compile(keras.optimizers.Adam(1e-2))
        history = model.fit(images, batch_size=128, epochs=12, verbose=0).history
        assert history["reconstruction"][-1] < 0.9 * history["reconstruction"][0]
        assert np.isfinite(model.sample(8)).all()
        correlation[beta] = history["total_correlation"][-1] / beta
    assert correlation[20.0] < 0.5 * correlation[1.0]
