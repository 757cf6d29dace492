"""The ladder: the divergence of each stochastic layer, samples from the prior, and the likelihood."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import norm
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation.likelihood import elbo, log_likelihood
from zoo.layers.bottlenecks.ladder import Block


def ladder(posterior=None, **options):
    """A small model; the last convolution of every posterior drawn anew with this deviation."""
    keras.utils.set_random_seed(5)
    model = tiny("ladder_vae_conv", **options)
    if posterior is not None:
        rng = np.random.default_rng(0)
        for stochastic_layer in stochastic_layers(model):
            for variable in stochastic_layer.posterior.convolutions[-1].weights:
                variable.assign(posterior * rng.normal(size=variable.shape))
    return model


def stochastic_layers(model):
    """In the order of the pass down."""
    return [stochastic_layer for stage in reversed(model.bottleneck.stochastic_layers) for stochastic_layer in stage]


def found(model, images):
    return model.encoder.backbone(images.astype("float32") / 255)


def penalties(model, h, training=False):
    model.bottleneck(h, training=training)
    return np.array([float(value) for value in model.bottleneck.losses])


def test_a_posterior_without_residuals_is_the_prior(images):
    model = ladder(posterior=0.0)
    h = found(model, images[:6])
    np.testing.assert_array_equal(penalties(model, h), np.zeros(3))
    _, log_ratio = model.bottleneck.importance_samples(h, 5, seed=1)
    np.testing.assert_allclose(ops.convert_to_numpy(log_ratio), np.zeros((6, 5)), atol=1e-5)


@pytest.mark.parametrize("patches", [False, True])
def test_every_stochastic_layer_adds_its_own_divergence(images, monkeypatch, patches):
    """Against the mean of log q(z) - log p(z), densities of z itself, over draws."""
    model = ladder(posterior=1.0, patches=patches)
    h = found(model, np.repeat(images[:1], 4000, axis=0))
    given, passed = [], []
    for stochastic_layer in stochastic_layers(model):
        monkeypatch.setattr(
            stochastic_layer,
            "prior_moments",
            lambda state, own=stochastic_layer.prior_moments: given.append(own(state)) or given[-1],
        )
    top_down = model.bottleneck.top_down
    monkeypatch.setattr(model.bottleneck, "top_down", lambda *a: (result := top_down(*a), passed.extend(result[1]))[0])
    values = penalties(model, h)
    assert (values > 0.1).all()
    for value, (mean, log_deviation, _), (delta, log_variance, _, z) in zip(values, given, passed, strict=True):
        mean, deviation, delta, log_variance, z = (
            ops.convert_to_numpy(t).astype("float64") for t in (mean, ops.exp(log_deviation), delta, log_variance, z)
        )
        log_q = norm.logpdf(z, mean + deviation * delta, deviation * np.exp(log_variance / 2))
        log_weight = (log_q - norm.logpdf(z, mean, deviation)).sum(axis=(1, 2, 3))
        assert abs(log_weight.mean() - value) < 5 * log_weight.std() / np.sqrt(len(z))


def test_patches_reach_the_posterior_by_a_linear_map_alone(images):
    """Of a posterior whose block is silent, the means are those of the patch of pixels at their place, whatever the prior."""
    model = ladder(posterior=0.0, patches=True)
    h = found(model, images[:3])
    for stochastic_layer, (*_, z) in zip(stochastic_layers(model), model.bottleneck.top_down(3, None, h)[1], strict=True):
        z, side = ops.convert_to_numpy(z), 8 // z.shape[1]
        kernel, bias = (ops.convert_to_numpy(v) for v in stochastic_layer.read.weights)
        assert kernel.shape == (1, 1, side * side, 2)
        rng = np.random.default_rng(0)
        for n, i, j in zip(rng.integers(3, size=9), *rng.integers(z.shape[1], size=(2, 9))):
            patch = images[n, i * side : (i + 1) * side, j * side : (j + 1) * side, 0] / 255
            np.testing.assert_allclose(z[n, i, j], 4 * (patch.ravel() - 0.5) @ kernel[0, 0] + bias, atol=1e-5)


def test_the_prior_reads_no_patches(images):
    model = ladder(posterior=0.5, patches=True)
    prior = model.bottleneck.sample_prior(2, 3)
    for stochastic_layer in stochastic_layers(model):
        stochastic_layer.read.kernel.assign(stochastic_layer.read.kernel + 1.0)
    np.testing.assert_array_equal(prior, model.bottleneck.sample_prior(2, 3))


@pytest.mark.parametrize(
    "options", [{"posterior": 0.1}, {"posterior": 0.0, "patches": True, "latents": 1, "stochastic_layers": (0, 1)}]
)
def test_importance_weights_average_to_one(images, options):
    model = ladder(**options)
    if options.get("patches"):
        # A posterior by itself is brought near the prior: far from it no number of draws would do.
        (stochastic_layer,) = stochastic_layers(model)
        stochastic_layer.read.kernel.assign(0.02 * stochastic_layer.read.kernel)
        stochastic_layer.posterior.convolutions[-1].bias.assign([0.0, 1.4])
    _, log_weights = model.bottleneck.importance_samples(found(model, images[:2]), 4000, seed=5)
    weights = np.exp(ops.convert_to_numpy(log_weights))
    error = weights.std(axis=1) / np.sqrt(weights.shape[1])
    assert np.all(error < 0.05) and np.all(np.abs(weights.mean(axis=1) - 1) < 5 * error)
    assert weights.std() > 0.05


def test_warm_up_and_free_bits(images):
    full = penalties(ladder(posterior=0.5), found(ladder(posterior=0.5), images[:8]))
    model = ladder(posterior=0.5, warmup_steps=4)
    h = found(model, images[:8])
    share = [penalties(model, h, training=True).sum() / full.sum() for _ in range(5)]
    # The draws above a stochastic layer differ from call to call.
    np.testing.assert_allclose(share, [0.25, 0.5, 0.75, 1, 1], rtol=0.15)
    generous = ladder(posterior=0.0, free_bits=0.5)
    np.testing.assert_allclose(penalties(generous, found(generous, images[:8])), [1.0, 1.0, 1.0])


def test_the_code_has_no_chance_and_the_prior_only_its_seed(images):
    model = ladder(posterior=0.5)
    h = found(model, images[:4])
    np.testing.assert_array_equal(model.bottleneck.code(h), model.bottleneck.code(h))
    assert np.any(ops.convert_to_numpy(model.bottleneck(h) != model.bottleneck(h)))
    prior = model.bottleneck.sample_prior(6, 3)
    assert prior.shape == (6, *model.bottleneck.code_shape)
    np.testing.assert_array_equal(prior, model.bottleneck.sample_prior(6, 3))
    assert np.any(prior != model.bottleneck.sample_prior(6, 4))


@pytest.mark.slow
def test_a_trained_ladder_has_a_likelihood(digits):
    x = (digits[0][:512] > 127).astype("float32")
    model = ladder(filters=(12, 16))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(x, batch_size=64, epochs=25, verbose=0).history
    assert history["loss"][-1] < 0.75 * history["loss"][0]
    assert np.isfinite(model.sample(9)).all()
    few = x[:64]
    bounds = [log_likelihood(model, few, k=k, seed=1).mean() for k in (1, 8, 64)]
    assert bounds[0] < bounds[1] < bounds[2]
    # The bound of the training, by draws of other noise.
    assert elbo(model, few, k=64, seed=2).mean() == pytest.approx(
        -model.evaluate(few, verbose=0, return_dict=True)["loss"], rel=0.03
    )


@pytest.mark.slow
@pytest.mark.parametrize("patches", [False, True])
def test_a_stage_of_stride_one_keeps_the_resolution(patches):
    model = tiny(
        "ladder_vae_conv",
        input_shape=(7, 5, 3),
        filters=(4, 4, 8),
        strides=(1, 2, 2),
        stochastic_layers=(1, 0, 1),
        patches=patches,
    )
    assert model.bottleneck.code_shape == (7, 5, 4) and model.bottleneck.loss_names == ("kl_1", "kl_2")
    assert model.bottleneck.noise_size == 2 * (7 * 5 + 2 * 2)
    assert model.sample(2).shape == model.reconstruct(np.zeros((2, 7, 5, 3), "float32")).shape == (2, 7, 5, 3)


def test_small_maps_have_no_neighbours():
    small, large = (Block(4, 4, 1.0, "silu") for _ in range(2))
    small.build((None, 2, 2, 4))
    large.build((None, 3, 3, 4))
    assert [c.kernel_size[0] for c in small.convolutions] == [1, 1, 1, 1]
    assert [c.kernel_size[0] for c in large.convolutions] == [1, 3, 3, 1]


@pytest.mark.parametrize("bad", [(1,), (0, 0), (1, -1), 0])
def test_stochastic_layers_must_fit_the_stages(bad):
    with pytest.raises(ZooError, match="expected one number for each of the 2 stages"):
        tiny("ladder_vae_conv", stochastic_layers=bad)
