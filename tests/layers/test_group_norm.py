"""Group normalization by its definition, and by the kernels that compiled inference has."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.layers.blocks import group_norm
from zoo.layers.blocks.group_norm import GroupNorm
from zoo.utils.batching import compiled

GROUPS, MAPS = 4, 12


@pytest.fixture(autouse=True)
def for_any_size(monkeypatch):
    """The kernels, which otherwise wait for larger maps than these."""
    monkeypatch.setattr(group_norm, "_LEAST", 0)


@pytest.fixture
def layer():
    rng = np.random.default_rng(0)
    made = GroupNorm(GROUPS)
    made.build((None, 6, 5, MAPS))
    made.gamma.assign(rng.uniform(0.5, 1.5, MAPS))
    made.beta.assign(rng.normal(size=MAPS))
    return made


def maps(count, mean=3.0):
    """Maps (count, 6, 5, MAPS), each with a mean and a deviation of its own."""
    rng = np.random.default_rng(count)
    means, deviations = mean * rng.normal(size=(count, 1, 1, MAPS)), rng.uniform(0.5, 4, (count, 1, 1, MAPS))
    return (means + deviations * rng.normal(size=(count, 6, 5, MAPS))).astype("float32")


def by_definition(layer, x):
    grouped = x.astype("float64").reshape(*x.shape[:3], GROUPS, -1)
    centred = grouped - grouped.mean(axis=(1, 2, 4), keepdims=True)
    normal = centred / np.sqrt(np.square(centred).mean(axis=(1, 2, 4), keepdims=True) + layer.epsilon)
    return normal.reshape(x.shape) * ops.convert_to_numpy(layer.gamma) + ops.convert_to_numpy(layer.beta)


@pytest.mark.parametrize("mean", [0.0, 3.0, 300.0])
@pytest.mark.parametrize("count", [1, 3])
def test_both_ways_are_the_definition(layer, count, mean):
    x = maps(count, mean)
    expected, tolerance = by_definition(layer, x), 1e-5 + 1e-6 * mean
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=tolerance)
    run = compiled(layer, layer.call)
    for batch in (x, x[:1]):
        np.testing.assert_allclose(run(tf.constant(batch)), expected[: len(batch)], atol=tolerance)


def test_an_inference_of_large_maps_runs_the_kernels_and_nothing_else_does(layer, monkeypatch):
    def operations(function):
        graph = function.get_concrete_function(tf.TensorSpec((None, 6, 5, MAPS))).graph.as_graph_def()
        return {node.op for part in graph.library.function for node in part.node_def} | {node.op for node in graph.node}

    assert "FusedBatchNormV3" in operations(compiled(layer, layer.call))
    assert "FusedBatchNormV3" not in operations(tf.function(layer.call))
    monkeypatch.setattr(group_norm, "_LEAST", 6 * 5 * MAPS + 1)
    assert "FusedBatchNormV3" not in operations(compiled(layer, layer.call))


def test_maps_that_do_not_vary_become_the_offset(layer):
    x = np.full((2, 6, 5, MAPS), 7.0, "float32")
    for y in (layer(x), compiled(layer, layer.call)(tf.constant(x))):
        np.testing.assert_allclose(y, np.broadcast_to(layer.beta, x.shape), atol=1e-2)


def test_half_precision_keeps_its_moments_in_single(policy):
    policy("mixed_bfloat16")
    layer = GroupNorm(GROUPS)
    layer.build((None, 6, 5, MAPS))
    x = tf.cast(maps(2), "bfloat16")
    expected = by_definition(layer, np.asarray(tf.cast(x, "float32")))
    for y in (layer(x), compiled(layer, layer.call)(x)):
        assert y.dtype == "bfloat16"
        np.testing.assert_allclose(tf.cast(y, "float32"), expected, atol=2**-8, rtol=2**-8)


def test_gradients_are_those_of_the_definition_or_refused(layer):
    x, weight = tf.constant(maps(2)), tf.constant(maps(2, 0.0))

    def slope(function, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(function(x) * weight)
        return tape.gradient(total, x)

    found, step = slope(layer, x), 1e-3
    along = np.random.default_rng(1).normal(size=x.shape)
    up, down = (float((by_definition(layer, x.numpy() + s * along) * weight.numpy()).sum()) for s in (step, -step))
    assert float(tf.reduce_sum(found * along)) == pytest.approx((up - down) / (2 * step), rel=1e-3)
    with pytest.raises(LookupError, match="compiled for inference alone"):
        slope(compiled(layer, layer.call), x)


def test_shapes_are_known_ahead(layer):
    assert layer(keras.KerasTensor((None, 6, 5, MAPS))).shape == (None, 6, 5, MAPS)
