"""Flows: how much they stretch space, the way back, what a MADE may see, and the density that they make."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from other_backends import on_jax

from zoo.errors import ZooError
from zoo.flows.autoregressive import Autoregressive, GatedAutoregressive, stack
from zoo.flows.density import FlowDensity
from zoo.flows.flow import Chain
from zoo.flows.made import MADE
from zoo.flows.permutation import Reverse
from zoo.flows.planar import Planar
from zoo.flows.radial import Radial

FLOWS = {
    "planar": lambda: Planar(),
    "radial": lambda: Radial(),
    "autoregressive": lambda: Autoregressive(4, (9, 7)),
    "gated": lambda: GatedAutoregressive(4, (9, 7)),
    "reverse": lambda: Reverse(),
    "chain": lambda: Chain([Planar(), Radial(), Autoregressive(4, (8,)), Reverse(), GatedAutoregressive(4, (8,))]),
}


def rough(layer, scale=0.7):
    """Every weight of a built layer drawn anew, large: nothing may hold only near the start."""
    rng = np.random.default_rng(0)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(0, scale, variable.shape))
    return layer


def made_up(name, context=True, scale=0.7):
    """A flow of four variables, and inputs to it."""
    flow = FLOWS[name]()
    flow.build((None, 4), (None, 3) if context else None)
    rng = np.random.default_rng(1)
    z = rng.normal(0, 1.5, (32, 4)).astype(np.float32)
    return rough(flow, scale), z, rng.normal(size=(32, 3)).astype(np.float32) if context else None


def jacobian(function, z):
    with tf.GradientTape() as tape:
        z = tf.constant(z)
        tape.watch(z)
        moved = function(z)
    return ops.convert_to_numpy(tape.batch_jacobian(moved, z))


@pytest.mark.parametrize("context", [False, True], ids=["alone", "context"])
@pytest.mark.parametrize("name", FLOWS)
def test_the_determinant_is_that_of_the_jacobian(name, context):
    # A chain of large weights folds space to where float32's Jacobian, the yardstick here, has no determinant.
    flow, z, c = made_up(name, context, scale=0.3 if name == "chain" else 0.7)
    moved, log_det = flow(z, c)
    assert moved.shape == (32, 4) and log_det.shape == (32,)
    expected = np.linalg.slogdet(jacobian(lambda z: flow(z, c)[0], z).astype(np.float64))[1]
    np.testing.assert_allclose(ops.convert_to_numpy(log_det), expected, rtol=1e-3, atol=1e-3)
    assert name == "reverse" or np.std(expected) > 0.01, "a stretch that is the same everywhere would prove little"


@pytest.mark.parametrize("context", [False, True], ids=["alone", "context"])
@pytest.mark.parametrize("name", FLOWS)
def test_there_and_back(name, context):
    flow, z, c = made_up(name, context, scale=0.4)
    moved, log_det = flow(z, c)
    back, log_det_back = flow.inverse(moved, c)
    assert np.abs(ops.convert_to_numpy(moved) - z).max() > 0.1
    np.testing.assert_allclose(ops.convert_to_numpy(back), z, atol=5e-3)
    np.testing.assert_allclose(ops.convert_to_numpy(log_det_back), -ops.convert_to_numpy(log_det), atol=2e-2)


@pytest.mark.parametrize("flow, count", [(Planar, 7), (Radial, 5)])
def test_any_parameters_give_an_invertible_map(flow, count):
    """However far from the start, no map folds: its determinant stays positive."""
    layer = flow()
    layer.build((None, 3), (None, count))
    rng = np.random.default_rng(0)
    # The context is the parameters: another map for every row.
    layer.numbers.kernel.assign(np.eye(count))
    layer.numbers.bias.assign(np.zeros((1, count)))
    parameters = rng.normal(0, 3, (2000, count)).astype(np.float32)
    z = rng.normal(0, 2, (2000, 3)).astype(np.float32)
    determinants = np.linalg.det(jacobian(lambda z: layer(z, parameters)[0], z).astype(np.float64))
    assert determinants.min() > -1e-3
    np.testing.assert_allclose(determinants, np.exp(ops.convert_to_numpy(layer(z, parameters)[1])), rtol=1e-2, atol=1e-2)


def test_radial_at_its_centre_has_a_gradient():
    flow = Radial()
    flow.build((None, 2))
    centre = ops.convert_to_numpy(flow.numbers())[:, :2]
    assert np.isfinite(jacobian(lambda z: flow(z)[0], centre)).all()


# -- masks


@pytest.mark.parametrize("context", [False, True], ids=["alone", "context"])
@pytest.mark.parametrize("units, hidden", [(5, (16,)), (5, (3, 4)), (6, (11, 7, 13)), (1, (4,))])
def test_outputs_see_what_comes_before_and_all_of_it(units, hidden, context):
    made = MADE(units, 2, hidden)
    made.build((None, units), (None, 3) if context else None)
    rough(made)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20, units)).astype(np.float32)
    c = rng.normal(size=(20, 3)).astype(np.float32) if context else None
    for output in range(2):
        seen = np.abs(jacobian(lambda z, o=output: made(z, c)[o], z)).max(axis=0)
        assert np.all(np.triu(seen) == 0), "neither itself nor what comes later"
        if min(hidden) >= units:
            assert np.all(seen[np.tril_indices(units, -1)] > 0), "everything before"
        elif units > 1:
            assert np.all(seen[1:, 0] > 0)
    if context:
        heard = np.abs(jacobian(lambda c: made(z, c)[0], c)).max(axis=(0, 2))
        assert np.all(heard > 0), "the context reaches the first output, too"


def test_a_made_needs_a_hidden_layer():
    with pytest.raises(ZooError, match="one or more"):
        MADE(3, 2, ())


def test_an_autoregressive_flow_begins_near_the_identity():
    flow = stack(Autoregressive, 4, 2, (16,))
    flow.build((None, 4))
    z = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    moved, log_det = flow(z)
    np.testing.assert_allclose(ops.convert_to_numpy(moved)[:, ::-1], z, atol=0.15)
    assert np.abs(ops.convert_to_numpy(log_det)).max() < 0.2


# -- densities


@pytest.mark.parametrize("to_noise", [True, False], ids=["masked", "inverse"])
def test_a_density_integrates_to_one(to_noise):
    keras.utils.set_random_seed(0)
    density = FlowDensity(stack(Autoregressive, 2, 2, (12,)), 2, to_noise)
    rough(density, 0.3)
    axis = np.linspace(-25, 25, 401, dtype=np.float32)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    p = np.exp(ops.convert_to_numpy(density.log_density(grid)).astype(np.float64))
    assert p.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=0.01)
    # Far from the standard normal that it is made of.
    normal = np.exp(-0.5 * (grid.astype(np.float64) ** 2).sum(axis=1)) / (2 * np.pi)
    assert np.abs(p - normal).sum() * (axis[1] - axis[0]) ** 2 > 0.3


@pytest.mark.parametrize("to_noise", [True, False], ids=["masked", "inverse"])
def test_draws_follow_the_density(to_noise):
    """E_p[-log p] of draws is the entropy, which the flow's own noise gives by another way: h(N) + E log|det|."""
    keras.utils.set_random_seed(0)
    density = rough(FlowDensity(stack(Autoregressive, 3, 2, (12,)), 3, to_noise), 0.3)
    noise = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    x = density.from_noise(noise)
    found = ops.convert_to_numpy(density.log_density(x))
    jacobians = jacobian(lambda e: density.from_noise(e), noise).astype(np.float64)
    of_noise = -0.5 * (noise**2 + np.log(2 * np.pi)).sum(axis=1)
    np.testing.assert_allclose(found, of_noise - np.linalg.slogdet(jacobians)[1], atol=2e-2)


# -- elsewhere


@pytest.mark.slow
def test_flows_and_their_samplers_on_jax():
    found = on_jax(Path(__file__).parents[1] / "jax_flows.py")
    assert found["chain"]["determinant"] < 1e-3 and found["chain"]["back"] < 1e-3
    # Too brief a training for more; how well it fits is tested in test_samplers.
    assert np.isfinite(found["two_stage"]).all()
    for name in ("maf", "iaf"):
        mean, deviation = found[name]
        np.testing.assert_allclose(mean, [1.0, -3.0], atol=0.3, err_msg=name)
        np.testing.assert_allclose(deviation, [2.0, 0.5], rtol=0.25, err_msg=name)
