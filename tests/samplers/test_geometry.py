"""Samplers on the sphere, in the Poincaré ball, and on a learned manifold."""

import keras
import numpy as np
import pytest
from tiny import tiny

from zoo.errors import ZooError
from zoo.samplers.hypersphere import HypersphereSampler
from zoo.samplers.poincare_disk import PoincareDiskSampler
from zoo.samplers.rhvae import RHVAESampler


def test_hypersphere(images):
    sampler = HypersphereSampler().fit(tiny("svae_mlp"), images)
    z = sampler.draw(2000, seed=1)
    assert z.shape == (2000, 4) and z.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(z.T @ z / len(z), np.eye(4) / 4, atol=0.03)
    np.testing.assert_array_equal(z, sampler.draw(2000, seed=1))
    assert sampler.sample(3).shape == (3, 8, 8, 1)
    with pytest.raises(ZooError, match="expected vectors"):
        HypersphereSampler().fit(tiny("wta_conv"), images)


def test_poincare_disk(images):
    model = tiny("poincare_vae_mlp", curvature=4.0)
    sampler = PoincareDiskSampler().fit(model, images)
    z = sampler.draw(50, seed=1)
    assert 0 < np.linalg.norm(z, axis=1).max() < 0.5
    np.testing.assert_array_equal(z, model.bottleneck.sample_prior(50, 1))
    assert sampler.sample(3).shape == (3, 8, 8, 1)
    with pytest.raises(ZooError, match="expected a poincare_vae"):
        PoincareDiskSampler().fit(tiny("vae_mlp"), images)


def by_hand(centroids, matrices, temperature=1.5, regularization=1e-12, **options):
    sampler = RHVAESampler(**options)
    sampler.centroids, sampler.matrices = np.array(centroids, float), np.array(matrices, float)
    sampler.temperature, sampler.regularization = temperature, regularization
    return sampler


def test_manifold_density_and_slope():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(5, 3, 3))
    matrices, centroids = factors @ factors.transpose(0, 2, 1), rng.normal(size=(5, 3))
    sampler = by_hand(centroids, matrices, regularization=0.1)

    def expected(z):
        inverse = sum(m * np.exp(-((z - c) ** 2).sum() / 1.5**2) for m, c in zip(matrices, centroids)) + 0.1 * np.eye(3)
        return 0.5 * np.linalg.slogdet(inverse)[1]

    z = rng.normal(size=(4, 3))
    values, slopes = sampler.log_density(z)
    np.testing.assert_allclose(values, [expected(row) for row in z], rtol=1e-8)
    steps = np.eye(3) * 1e-6
    np.testing.assert_allclose(slopes, [[(expected(r + e) - expected(r - e)) / 2e-6 for e in steps] for r in z], atol=1e-6)


def test_manifold_chains_follow_the_density():
    """One centroid in D dimensions: √det G⁻¹ is a normal density of variance T²/D around it."""
    sampler = by_hand([[1.0, -2.0]], [np.eye(2)], steps=30, n_lf=8, eps_lf=0.2)
    z = sampler.draw(3000, seed=0)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.1)
    np.testing.assert_allclose(z.var(axis=0), 1.5**2 / 2, rtol=0.1)
    np.testing.assert_array_equal(z, sampler.draw(3000, seed=0))


def test_manifold_of_a_trained_model(images):
    keras.utils.set_random_seed(0)
    model = tiny("rhvae_mlp", n_centroids=64)
    with pytest.raises(ZooError, match="train it before"):
        RHVAESampler().fit(model, images)
    model.fit(images, batch_size=16, verbose=0)
    sampler = RHVAESampler(steps=10).fit(model, images)
    assert len(sampler.centroids) == 40, "of the 64 places of the ring, those that were filled"
    samples = sampler.sample(5, seed=2)
    assert samples.shape == (5, 8, 8, 1) and np.isfinite(samples).all()
    with pytest.raises(ZooError, match="expected an rhvae"):
        RHVAESampler().fit(tiny("vae_mlp"), images)
    with pytest.raises(ZooError, match="got steps=0, .* expected steps >= 1"):
        RHVAESampler(steps=0)
