"""The VampPrior: its density against numpy and scipy, its samples, and its training."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp
from scipy.stats import norm
from tiny import tiny

import zoo
from zoo.evaluation.likelihood import elbo, log_likelihood
from zoo.layers.bottlenecks.vamp import mixture_log_density


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = tiny("vamp_vae_mlp", pseudo_inputs=6)
    model.bottleneck.log_variance.bias.assign([-1.0, 0.5, -2.0, 0.0])
    model.bottleneck.mean.kernel.assign(4 * model.bottleneck.mean.kernel)
    return model


def log_prior(model, z):
    mean, log_variance = (ops.convert_to_numpy(t).astype(np.float64) for t in model.bottleneck.components())
    each = norm.logpdf(z[:, None], mean, np.exp(log_variance / 2)).sum(axis=2)
    return logsumexp(each, axis=1) - np.log(len(mean))


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_mixture_density(scale):
    rng = np.random.default_rng(0)
    mean, log_variance = 3 * rng.normal(size=(7, 5)) + 2, 2 * np.log(scale) + 0.5 * rng.normal(size=(7, 5))
    z = mean[rng.integers(7, size=40)] + scale * rng.normal(size=(40, 5))
    expected = logsumexp(norm.logpdf(z[:, None], mean, np.exp(log_variance / 2)).sum(axis=2), axis=1) - np.log(7)
    found = mixture_log_density(*(ops.convert_to_tensor(t, "float32") for t in (z, mean, log_variance)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-2 if scale < 1 else 1e-3)


def test_the_components_are_the_posteriors_of_the_pseudo_inputs(model):
    pseudo = ops.convert_to_numpy(model.bottleneck.pseudo_inputs())
    assert pseudo.shape == (6, 8, 8, 1) and pseudo.min() > 0 and pseudo.max() < 1 and 0.1 < pseudo.mean() < 0.2
    mean, _ = model.bottleneck.components()
    np.testing.assert_allclose(mean, model.encode(pseudo), rtol=1e-4, atol=1e-5)


def test_importance_weights_are_prior_over_posterior(model, images):
    h = model.encoder.backbone(images[:5] / np.float32(255))
    z, log_ratio = (ops.convert_to_numpy(t) for t in model.bottleneck.importance_samples(h, 30, keras.random.SeedGenerator(3)))
    mean, log_variance = (ops.convert_to_numpy(t)[:, None] for t in model.bottleneck.posterior(h))
    log_q = norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(axis=2)
    expected = log_prior(model, z.reshape(-1, 4)).reshape(5, 30) - log_q
    np.testing.assert_allclose(log_ratio, expected, rtol=1e-3, atol=1e-3)


def test_the_divergence_is_that_of_the_draws(model, images):
    h = np.repeat(model.encoder.backbone(images[:2] / np.float32(255)), 5000, axis=0)
    model.bottleneck(h)
    penalty = float(model.bottleneck.losses[0])
    _, log_ratio = model.bottleneck.importance_samples(h[::5000], 5000, keras.random.SeedGenerator(4))
    assert penalty == pytest.approx(-np.mean(log_ratio), abs=0.1)


def test_samples_follow_the_mixture(model):
    z = model.bottleneck.sample_prior(20_000, seed=1)
    mean, log_variance = (ops.convert_to_numpy(t) for t in model.bottleneck.components())
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0), mean.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(z.var(axis=0), np.exp(log_variance).mean(axis=0) + mean.var(axis=0), rtol=0.06)
    np.testing.assert_array_equal(z, model.bottleneck.sample_prior(20_000, seed=1))


def test_vectors_have_free_pseudo_inputs():
    model = tiny("vamp_vae_mlp", input_shape=(30,), pseudo_inputs=50)
    assert np.min(model.bottleneck.pseudo_inputs()) < -1


def test_learns_digits_and_its_prior(digits):
    x = (digits[0] > 127).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = tiny("vamp_vae_mlp", hidden=(64,), latent_dim=6, pseudo_inputs=20)
    model.compile(keras.optimizers.Adam(1e-2))
    before = ops.convert_to_numpy(model.bottleneck.pseudo_inputs())
    history = model.fit(x, batch_size=200, epochs=6, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 5
    assert np.abs(ops.convert_to_numpy(model.bottleneck.pseudo_inputs()) - before).max() > 0.05
    assert np.isfinite(model.sample(6)).all()
    bounds = elbo(model, x[:100]).mean(), log_likelihood(model, x[:100], k=200).mean()
    assert np.isfinite(bounds).all() and bounds[0] < bounds[1]
    assert -bounds[0] == pytest.approx(history["loss"][-1], abs=4)


@pytest.mark.parametrize(
    "name, options, message", [("mlp", {"pseudo_inputs": 0}, "pseudo_inputs=0"), ("conv", {"batch_norm": True}, "moving")]
)
def test_options_that_make_no_sense_are_refused(name, options, message):
    with pytest.raises(zoo.ZooError, match=message):
        tiny(f"vamp_vae_{name}", **options)
