"""Samplers: that they find the density that codes came from, and give codes of the model's shape."""

import random
import types

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo.samplers
from zoo.errors import ZooError
from zoo.samplers import GaussianMixtureSampler, IAFSampler, MAFSampler, NormalSampler, PriorSampler, TwoStageSampler
from zoo.samplers.sampler import codes, posterior_draws

SMALL = {
    "normal": lambda: NormalSampler(),
    "mixture": lambda: GaussianMixtureSampler(components=2),
    "maf": lambda: MAFSampler(blocks=2, hidden=(16,), epochs=2),
    "iaf": lambda: IAFSampler(blocks=2, hidden=(16,), epochs=2),
    "two_stage": lambda: TwoStageSampler(hidden=(32,), epochs=2),
}


def fitted_to(sampler, z):
    """A sampler fitted to vectors, with no model around them."""
    sampler.code_shape = z.shape[1:]
    sampler.fit_vectors(z)
    return sampler


def two_hills(n, seed):
    """Two narrow Gaussians at (±3, 10 ± 2), of weights 1/4 and 3/4: (n, 2) float32, and log p in nats."""
    rng = np.random.default_rng(seed)
    side = np.where(rng.random(n) < 0.25, -1.0, 1.0)
    z = side[:, None] * [3.0, 2.0] + [0.0, 10.0] + rng.normal(0, 0.5, (n, 2))
    return z.astype(np.float32)


def log_two_hills(z):
    centred = [-0.5 * np.sum((z - [0, 10] - np.array([3, 2]) * s) ** 2, axis=1) / 0.25 for s in (-1, 1)]
    return np.logaddexp(centred[0] + np.log(0.25), centred[1] + np.log(0.75)) - np.log(2 * np.pi * 0.25)


def ring(n, seed):
    """A circle of radius 2, its centre empty, (n, 2)."""
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi, n), rng.normal(2, 0.1, n)
    return (radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)


def mmd(a, b):
    """Squared maximum mean discrepancy under a Gaussian kernel of width 1/2, without bias."""

    def kernel(x, y):
        return np.exp(-2 * ((x[:, None] - y[None]) ** 2).sum(axis=-1))

    n = len(a)
    within = sum((kernel(x, x).sum() - n) / (n * (n - 1)) for x in (a, b))
    return within - 2 * kernel(a, b).mean()


# -- densities


@pytest.mark.parametrize("count, units", [(4000, 3), (5, 8)])
def test_the_normal_has_the_moments_of_the_codes(count, units):
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(count, units)) @ rng.normal(size=(units, units)) + 5).astype(np.float32)
    sampler = fitted_to(NormalSampler(), z)
    np.testing.assert_allclose(sampler.root.T @ sampler.root, np.cov(z.T), rtol=1e-3, atol=1e-3)
    drawn = sampler.draw(100_000, 1)
    np.testing.assert_allclose(drawn.mean(axis=0), z.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(z.T), atol=0.03 * np.cov(z.T).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampler",
    [
        GaussianMixtureSampler(components=2),
        MAFSampler(blocks=4, hidden=(32, 32), epochs=25, learning_rate=5e-3),
        IAFSampler(blocks=4, hidden=(32, 32), epochs=25, batch_size=128, learning_rate=5e-3),
    ],
    ids=["mixture", "maf", "iaf"],
)
def test_two_hills_are_found(sampler):
    train, held_out = two_hills(2000, 0), two_hills(2000, 1)
    fitted_to(sampler, train)
    drawn = sampler.draw(2000, seed=5)
    assert np.mean(drawn[:, 0] < 0) == pytest.approx(0.25, abs=0.05)
    np.testing.assert_allclose(drawn.mean(axis=0), [1.5, 11.0], atol=0.3)
    normal = fitted_to(NormalSampler(), train).draw(2000, seed=5)
    # How likely its draws are under the truth: a Gaussian puts most of them between the hills.
    assert log_two_hills(drawn).mean() > log_two_hills(normal).mean() + 3
    assert mmd(drawn[:1000], held_out[:1000]) < mmd(normal[:1000], held_out[:1000]) / 5
    if hasattr(sampler, "log_density"):
        truth = log_two_hills(held_out).mean()
        assert truth - 0.35 < sampler.log_density(held_out).mean() < truth + 0.05
    if isinstance(sampler, GaussianMixtureSampler):
        sides = drawn[:, 0] < 0
        assert 0.15 < sides[:200].mean() < 0.35, "one component's draws do not come before another's"


def test_a_second_stage_fits_codes_that_are_not_gaussian():
    codes_of_a_ring = ring(3000, 0)
    sampler = fitted_to(TwoStageSampler(hidden=(64, 64), epochs=60, learning_rate=3e-3), codes_of_a_ring)
    drawn = sampler.draw(1000, seed=1)
    normal = fitted_to(NormalSampler(), codes_of_a_ring).draw(1000, seed=1)
    held_out = ring(1000, 1)
    assert mmd(drawn, held_out) < mmd(normal, held_out) / 4
    assert np.mean(np.linalg.norm(drawn, axis=1) < 1) < 0.5 * np.mean(np.linalg.norm(normal, axis=1) < 1)
    # The spread around the reconstruction is part of the density.
    assert 0 < np.exp(float(ops.convert_to_numpy(sampler.network.log_deviation))) < 0.5


@pytest.mark.parametrize("name", ["maf", "iaf", "two_stage"])
def test_a_variable_that_never_changes_is_drawn_as_it_was(name):
    z = np.concatenate([two_hills(200, 0), np.full((200, 1), 7.0, np.float32)], axis=1)
    drawn = fitted_to(SMALL[name](), z).draw(10, 0)
    assert np.isfinite(drawn).all() and np.all(drawn[:, 2] == 7)


@pytest.mark.parametrize("name", ["maf", "two_stage"])
def test_a_seed_decides_everything_and_touches_nothing(name):
    z = two_hills(200, 0)
    random.seed(1)
    first = fitted_to(SMALL[name](), z).draw(20, 3)
    after = random.random()
    random.seed(1)
    assert random.random() == after
    np.testing.assert_array_equal(fitted_to(SMALL[name](), z).draw(20, 3), first)
    other = SMALL[name]()
    other.seed = 1
    assert np.any(fitted_to(other, z).draw(20, 3) != first)


# -- with models


@pytest.fixture(scope="module")
def models(digits):
    """A plain autoencoder with a code of maps, and a VAE, tiny and briefly trained."""
    keras.utils.set_random_seed(0)
    found = types.SimpleNamespace(maps=tiny("wta_conv"), vae=tiny("vae_mlp"))
    for model in vars(found).values():
        model.fit(digits[0][:200], batch_size=50, epochs=2, verbose=0)
    return found


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", ["maps", "vae"])
def test_images_of_any_model(models, digits, name, kind):
    if kind == "maps" and name in ("iaf", "maf"):
        pytest.skip("as the others, through vectors")
    model = getattr(models, kind)
    sampler = SMALL[name]()
    with pytest.raises(ZooError, match="not fitted"):
        sampler.sample(2)
    assert sampler.fit(model, digits[0][:200]) is sampler
    assert sampler.draw(3, 0).shape == (3, *model.bottleneck.code_shape) and sampler.draw(3, 0).dtype == np.float32
    images = sampler.sample(5, seed=1)
    assert images.shape == (5, 8, 8, 1) and 0 <= images.min() < images.max() <= 1
    np.testing.assert_array_equal(sampler.sample(5, seed=1), images)
    assert np.any(sampler.sample(5, seed=2) != images)


def test_a_variational_model_is_fitted_by_its_draws(models, digits):
    x = digits[0][:200]
    spread = NormalSampler(seed=4).fit(models.vae, x).draw(20_000, 0).var(axis=0)
    of_draws, of_means = posterior_draws(models.vae, x, 4).var(axis=0), codes(models.vae, x).var(axis=0)
    np.testing.assert_allclose(spread, of_draws * 200 / 199, rtol=0.06)
    assert np.all(spread > 1.2 * of_means)


def test_the_prior_is_the_models_own(models, digits):
    sampler = PriorSampler().fit(models.vae, digits[0][:10])
    np.testing.assert_array_equal(sampler.sample(4, seed=2), models.vae.sample(4, seed=2))
    with pytest.raises(ZooError, match="no prior"):
        PriorSampler().fit(models.maps, digits[0][:10]).sample(2)


# -- errors


def test_what_cannot_be_fitted_says_so(models, digits, monkeypatch):
    with pytest.raises(ZooError, match="at least 2"):
        NormalSampler().fit(models.vae, digits[0][:1])
    with pytest.raises(ZooError, match="3 codes for 10 components"):
        GaussianMixtureSampler().fit(models.vae, digits[0][:3])
    for bad in (lambda: MAFSampler(blocks=0), lambda: TwoStageSampler(epochs=0), lambda: GaussianMixtureSampler(components=0)):
        with pytest.raises(ZooError, match="at least 1"):
            bad()
    monkeypatch.setitem(__import__("sys").modules, "sklearn.mixture", None)
    with pytest.raises(ZooError, match=r"pip install 'autoencoder-zoo\[sklearn\]'"):
        GaussianMixtureSampler(components=2).fit(models.vae, digits[0][:10])


def test_names_are_lazy():
    assert set(zoo.samplers.__all__) <= set(dir(zoo.samplers))
    with pytest.raises(AttributeError, match="NoSuchSampler"):
        _ = zoo.samplers.NoSuchSampler
