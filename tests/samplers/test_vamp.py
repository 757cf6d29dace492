"""The aggregated posterior as a prior."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

import zoo
from zoo.samplers.vamp import VampPriorSampler


def test_draws_follow_the_mixture_of_posteriors(images):
    keras.utils.set_random_seed(0)
    model = tiny("vae_mlp")
    model.bottleneck.mean.kernel.assign(5 * model.bottleneck.mean.kernel)
    model.bottleneck.log_variance.bias.assign([-2.0, -1.0, 0.0, 0.5])
    sampler = VampPriorSampler(n=3, seed=2).fit(model, images)
    mean, log_variance = (
        ops.convert_to_numpy(t) for t in model.bottleneck.posterior(model.encoder.backbone(sampler.images / np.float32(255)))
    )
    z = sampler.draw(6000, seed=1)
    assert z.shape == (6000, 4) and z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0), mean.mean(axis=0), atol=0.12)
    np.testing.assert_allclose(z.var(axis=0), np.exp(log_variance).mean(axis=0) + mean.var(axis=0), rtol=0.1)
    np.testing.assert_array_equal(z, sampler.draw(6000, seed=1))
    assert np.any(z != sampler.draw(6000, seed=2))


def test_stores_as_many_images_as_asked(images):
    model = tiny("vae_mlp")
    assert len(VampPriorSampler(n=7).fit(model, images).images) == 7
    everything = VampPriorSampler(n=1000).fit(model, images)
    np.testing.assert_array_equal(everything.images, images)
    samples = everything.sample(5, seed=3)
    assert samples.shape == (5, 8, 8, 1) and 0 <= samples.min() < samples.max() <= 1


def test_needs_a_posterior(images):
    with pytest.raises(zoo.ZooError, match="no posterior"):
        VampPriorSampler().fit(tiny("ae_mlp"), images)
    with pytest.raises(zoo.ZooError, match="n=0"):
        VampPriorSampler(n=0)
