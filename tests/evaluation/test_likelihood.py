"""The likelihood estimate: against a model whose likelihood is known in closed form."""

import keras
import numpy as np
import pytest

import zoo
from zoo.data.transforms import binarize
from zoo.evaluation.likelihood import bits_per_dim, elbo, log_likelihood
from zoo.losses import Gaussian

_SIGMA = 0.3


@pytest.fixture(scope="module")
def linear_gaussian():
    """x = W z + b + σ ε: p(x) = N(b, W Wᵀ + σ² I), with an encoder that is off the true posterior."""
    keras.utils.set_random_seed(0)
    model = zoo.create("vae", "mlp", input_shape=(6,), latent_dim=2, hidden=(), loss="gaussian")
    model.compile(loss=Gaussian(_SIGMA))
    rng = np.random.default_rng(0)
    w, b = 0.5 * rng.standard_normal((2, 6)), 0.1 * rng.standard_normal(6)
    precision = np.eye(2) + w @ w.T / _SIGMA**2
    posterior = np.linalg.solve(precision, w) / _SIGMA**2
    dense = model.decoder.backbone.stages[-1]
    dense.kernel.assign(w)
    dense.bias.assign(b)
    model.bottleneck.mean.kernel.assign(posterior.T)
    model.bottleneck.mean.bias.assign(-posterior @ b + 0.1)
    model.bottleneck.log_variance.kernel.assign(np.zeros((6, 2)))
    model.bottleneck.log_variance.bias.assign(np.log(2 / np.diag(precision)))
    x = (rng.standard_normal((64, 2)) @ w + b + _SIGMA * rng.standard_normal((64, 6))).astype("float32")
    covariance = w.T @ w + _SIGMA**2 * np.eye(6)
    distance = np.einsum("nd,nd->n", x - b, np.linalg.solve(covariance, (x - b).T).T)
    exact = -0.5 * (distance + np.linalg.slogdet(2 * np.pi * covariance)[1])
    return model, x, exact


def test_estimate_is_the_exact_likelihood(linear_gaussian):
    model, x, exact = linear_gaussian
    estimates = np.stack([log_likelihood(model, x, k=2000, seed=seed) for seed in range(5)])
    error = estimates.std(axis=0, ddof=1) / np.sqrt(5)
    assert estimates.dtype == np.float64 and estimates.shape == (5, 64)
    assert np.mean(np.abs(estimates.mean(axis=0) - exact) < 4 * error + 1e-3) > 0.9
    assert estimates.mean() == pytest.approx(exact.mean(), abs=0.01)


@pytest.mark.slow
def test_estimate_rises_with_k_towards_the_truth(linear_gaussian):
    model, x, exact = linear_gaussian
    values = [np.mean([log_likelihood(model, x, k, seed).mean() for seed in range(8)]) for k in (1, 5, 50)]
    assert values[0] < values[1] < values[2] < exact.mean() + 0.02


def test_one_sample_is_the_elbo(linear_gaussian):
    model, x, exact = linear_gaussian
    np.testing.assert_allclose(log_likelihood(model, x, k=1, seed=3), elbo(model, x, k=1, seed=3), rtol=1e-6)
    one = log_likelihood(model, np.tile(x, (40, 1)), 1, seed=0).mean()
    mean, log_variance = (keras.ops.convert_to_numpy(t) for t in model.bottleneck.posterior(keras.ops.convert_to_tensor(x)))
    kernel, bias = (keras.ops.convert_to_numpy(v) for v in model.decoder.backbone.stages[-1].weights)
    # The bound in closed form: the expected squared error adds the posterior's variance, seen through the decoder.
    expected = np.sum((x - mean @ kernel - bias) ** 2, 1) + np.exp(log_variance) @ np.sum(kernel**2, 1)
    reconstruction = -0.5 * (expected / _SIGMA**2 + 6 * np.log(2 * np.pi * _SIGMA**2))
    bound = reconstruction - 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1)
    assert one == pytest.approx(bound.mean(), abs=0.05)
    assert elbo(model, x, k=1000).mean() == pytest.approx(bound.mean(), abs=0.03)
    assert bound.mean() < exact.mean() - 0.1


def test_estimate_does_not_depend_on_how_it_is_cut_up(linear_gaussian, monkeypatch):
    model, x, _ = linear_gaussian
    whole = log_likelihood(model, x, k=1999)
    # 7 images' outputs of 6 numbers each at a time: blocks and chunks that divide neither.
    monkeypatch.setattr("zoo.evaluation.likelihood._NUMBERS_A_CALL", 6 * 700)
    cut = log_likelihood(model, x, k=1999)
    assert not np.array_equal(whole, cut)
    np.testing.assert_allclose(cut, whole, atol=0.2)
    assert cut.mean() == pytest.approx(whole.mean(), abs=0.02)


def test_same_seed_same_estimate_and_no_noise_twice(linear_gaussian):
    model, x, _ = linear_gaussian
    same = np.repeat(x[:1], 20, axis=0)
    estimates = log_likelihood(model, same, k=3, seed=1)
    assert len(np.unique(estimates)) == 20
    np.testing.assert_array_equal(estimates, log_likelihood(model, same, k=3, seed=1))
    assert not np.array_equal(estimates, log_likelihood(model, same, k=3, seed=2))


def test_bernoulli_images_are_binarized_once():
    model = zoo.create("vae", "mlp", input_shape=(4, 4, 1), latent_dim=2, hidden=(8,))
    grey = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 1)).astype("uint8")
    np.testing.assert_array_equal(log_likelihood(model, grey, k=5, seed=7), log_likelihood(model, binarize(grey, 7), k=5, seed=7))


def test_images_alike_in_their_draws_are_those_of_many_samples(linear_gaussian):
    model, x, _ = linear_gaussian
    found = log_likelihood(model, x[:5], k=2000, comparable=True)
    np.testing.assert_allclose(found, log_likelihood(model, x[:5], k=2000), atol=0.2)
    same = log_likelihood(model, np.repeat(x[:1], 3, axis=0), k=3, comparable=True)
    assert same[0] == same[1] == same[2] != log_likelihood(model, x[:1], k=3, seed=1, comparable=True)[0]


def test_grey_pixels_count_by_their_mean_over_binarizations():
    """Exactly so where the code says nothing, for then the average is over the binarizations alone."""
    model = zoo.create("vae", "mlp", input_shape=(4, 4, 1), latent_dim=2, hidden=(8,))
    *_, kernel, bias = model.decoder.variables
    kernel.assign(0 * kernel)
    bias.assign(2 * np.random.default_rng(1).standard_normal(16))
    grey = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1)).astype("uint8")
    repeated = np.repeat(grey, 1000, axis=0)
    expected = log_likelihood(model, binarize(repeated, 0), k=1, seed=0, comparable=True).reshape(2, -1).mean(axis=1)
    assert np.abs(expected + 16 * np.log(2)).min() > 1
    np.testing.assert_allclose(log_likelihood(model, grey, k=1, seed=0, comparable=True), expected, atol=0.7)


def test_binarize_draws_by_the_pixel():
    images = np.tile(np.array([0, 51, 255], "uint8"), (20000, 1))
    drawn = binarize(images, seed=0)
    assert drawn.dtype == np.float32 and set(np.unique(drawn)) == {0, 1}
    np.testing.assert_allclose(drawn.mean(axis=0), [0, 0.2, 1], atol=0.01)
    np.testing.assert_array_equal(binarize(images / np.float32(255), seed=0), drawn)


def test_bits_per_dim_of_uniform_levels_is_eight():
    assert bits_per_dim(12 * np.log(256), (2, 2, 3)) == pytest.approx(8)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(variant="ae", input_shape=(6,)), "does not define a likelihood"),
        (dict(variant="ae", input_shape=(6,), loss="bernoulli"), "variational"),
        (dict(variant="vae", input_shape=(6,), loss="gaussian"), "does not define a density"),
    ],
)
def test_models_without_a_likelihood_are_refused(options, message):
    model = zoo.create(backbone="mlp", hidden=(), latent_dim=2, **options)
    with pytest.raises(zoo.ZooError, match=message):
        log_likelihood(model, np.zeros((2, 6), "float32"))
