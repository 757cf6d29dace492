"""Posteriors that are flows of a Gaussian: their bound, their importance weights, and the variants that have them."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.evaluation.likelihood import elbo, log_likelihood
from zoo.flows.autoregressive import GatedAutoregressive, stack
from zoo.flows.flow import Chain
from zoo.flows.planar import Planar
from zoo.layers.bottlenecks.flow_posterior import FlowCode

VARIANTS = {
    "vae_iaf_mlp": {"n_made": 2, "made_hidden": (16,), "context_dim": 8},
    "vae_lin_nf_mlp": {"flows": ("planar", "radial", "planar")},
}
MEAN, LOG_VARIANCE = np.array([0.6, -0.9, 0.0]), np.array([-0.5, 0.3, -0.2])


def fixed(flow, mean=MEAN, log_variance=LOG_VARIANCE, **options):
    """A bottleneck whose Gaussian is the same for every input."""
    keras.utils.set_random_seed(3)
    layer = FlowCode(len(mean), flow, **options)
    layer.build((None, 2))
    for dense, bias in ((layer.mean, mean), (layer.log_variance, log_variance)):
        dense.kernel.assign(np.zeros((2, len(mean))))
        dense.bias.assign(bias)
    return layer


def open_gates(flow):
    """Make every gated flow the identity: all weights zero, and the gates wide open."""
    for step in flow.flows:
        for variable in step.trainable_variables:
            variable.assign(np.zeros(variable.shape))
        if step.trainable_variables:
            bias = step.made.layers[-1].bias
            bias.assign(np.repeat([0.0, 30.0], bias.shape[0] // 2))


def test_a_flow_of_zeros_gives_the_gaussian_bound():
    flow = stack(GatedAutoregressive, 3, 1, (8,))
    layer = fixed(flow, context=5)
    open_gates(flow)
    layer(np.ones((50_000, 2), np.float32), training=True)
    exact = 0.5 * np.sum(MEAN**2 + np.exp(LOG_VARIANCE) - 1 - LOG_VARIANCE)
    assert float(layer.losses[0]) == pytest.approx(exact, rel=0.03)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.code(np.ones((2, 2), np.float32))), np.tile(MEAN, (2, 1)), rtol=1e-5)


def test_a_model_with_a_flow_of_zeros_has_the_bound_of_a_gaussian_vae(images):
    gaussian = tiny("vae_mlp")
    flowing = tiny("vae_iaf_mlp", **{**VARIANTS["vae_iaf_mlp"], "n_made": 1})
    for ours, theirs in ((flowing.encoder.backbone, gaussian.encoder.backbone), (flowing.decoder, gaussian.decoder)):
        ours.set_weights(theirs.get_weights())
    for name in ("mean", "log_variance"):
        getattr(flowing.bottleneck, name).set_weights(getattr(gaussian.bottleneck, name).get_weights())
    assert np.abs(elbo(flowing, images, 50) - elbo(gaussian, images, 50)).max() > 0.02
    open_gates(flowing.bottleneck.flow)
    # The same seeds give both the same draws.
    np.testing.assert_allclose(elbo(flowing, images, 50), elbo(gaussian, images, 50), rtol=1e-4)


@pytest.mark.parametrize("flow", [lambda: stack(GatedAutoregressive, 3, 2, (8,)), lambda: Chain([Planar(), Planar()])])
def test_importance_weights_average_to_one(flow):
    layer = fixed(flow(), mean=np.array([0.3, -0.2, 0.1]), log_variance=np.array([0.2, 0.3, 0.1]))
    z, log_ratio = layer.importance_samples(np.ones((2, 2), np.float32), 40_000, seed=1)
    assert z.shape == (2, 40_000, 3) and log_ratio.shape == (2, 40_000)
    # ∫ q(z|x) p(z)/q(z|x) dz = 1: the density that the weights speak of is that of the draws.
    assert np.exp(ops.convert_to_numpy(log_ratio)).mean() == pytest.approx(1, abs=0.05)
    assert np.exp(ops.convert_to_numpy(log_ratio)).std() > 0.05


def test_the_term_is_the_mean_of_the_ratios():
    layer = fixed(Chain([Planar(), Planar()]))
    layer(np.ones((40_000, 2), np.float32), training=True)
    _, log_ratio = layer.importance_samples(np.ones((1, 2), np.float32), 40_000, seed=1)
    assert float(layer.losses[0]) == pytest.approx(-ops.convert_to_numpy(log_ratio).mean(), abs=0.03)


def test_warm_up():
    layer = fixed(Chain([Planar()]), warmup_steps=4)
    values = []
    for _ in range(6):
        layer(np.ones((20_000, 2), np.float32), training=True)
        values.append(float(layer.losses[0]))
    layer(np.ones((20_000, 2), np.float32), training=False)
    np.testing.assert_allclose(np.array(values) / float(layer.losses[0]), [0.25, 0.5, 0.75, 1, 1, 1], atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_it_learns_digits(name, digits):
    keras.utils.set_random_seed(0)
    model = tiny(name, **{**VARIANTS[name], "hidden": (64,), "latent_dim": 8})
    model.compile(keras.optimizers.Adam(5e-3), steps_per_execution=14)
    history = model.fit(digits[0], batch_size=128, epochs=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 5
    assert history["kl"][-1] > 1, "the latent variables are in use"
    samples = model.sample(4)
    assert np.isfinite(samples).all() and samples.shape == (4, 8, 8, 1)
    x = digits[0][:64]
    bound, tight = elbo(model, x, 20).mean(), log_likelihood(model, x, 200).mean()
    assert bound < tight < bound + 10
    assert np.abs(model.reconstruct(x) - x / 255).mean() < 0.2


@pytest.mark.parametrize("flows", [(), "planar", ("planar", "plenar")])
def test_flows_are_named(flows):
    with pytest.raises(ZooError, match="expected a tuple|Did you mean 'planar'"):
        tiny("vae_lin_nf_mlp", flows=flows)


def test_there_is_at_least_one_made():
    with pytest.raises(ZooError, match="at least 1"):
        tiny("vae_iaf_mlp", n_made=0)
