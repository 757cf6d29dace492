"""Finite scalar quantization: as many codes as levels say, symmetrical ones, and a gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.bottlenecks.finite_scalar import FiniteScalarCode

RNG = np.random.default_rng(0)


def identity(levels):
    """A quantizer of grids (N, 1, 1, len(levels)) whose projection changes nothing."""
    layer = FiniteScalarCode(levels)
    layer.build((None, 1, 1, len(levels)))
    layer.project.kernel.assign(np.eye(len(levels))[None, None])
    return layer


@pytest.mark.parametrize("levels", [(8, 5, 3), (2, 4), (7,)], ids=str)
def test_there_are_as_many_codes_as_the_levels_say(levels):
    layer, count = identity(levels), int(np.prod(levels))
    assert layer.code_count == count
    codes = ops.convert_to_numpy(layer.from_indices(np.arange(count).reshape(-1, 1, 1))).reshape(count, -1)
    assert len(np.unique(codes.round(4), axis=0)) == count
    for values, level in zip(codes.T, levels):
        np.testing.assert_allclose(np.unique(values.round(5)), np.linspace(-1, 1, level), atol=1e-4)
    # The encoder reaches all of them, and no other.
    h = np.arctanh(RNG.uniform(-0.999, 0.999, (20_000, 1, 1, len(levels)))).astype(np.float32)
    assert set(ops.convert_to_numpy(layer.indices(h)).ravel()) == set(range(count))


@pytest.mark.parametrize("levels", [(8, 5, 3), (2, 4)], ids=str)
def test_bound_and_codes_are_symmetrical(levels):
    layer = identity(levels)
    h = (2 * RNG.normal(size=(500, 1, 1, len(levels)))).astype(np.float32)
    np.testing.assert_allclose(layer.bound(-h), -layer.bound(h), atol=1e-6)
    np.testing.assert_allclose(layer.code(-h), -ops.convert_to_numpy(layer.code(h)), atol=1e-6)
    assert np.all(np.abs(layer.bound(100 * h)) <= (np.array(levels) - 1) / 2)


def test_indices_and_codes_are_each_other_s_inverse():
    layer = identity((8, 5, 3))
    h = (2 * RNG.normal(size=(500, 1, 1, 3))).astype(np.float32)
    np.testing.assert_array_equal(layer.from_indices(layer.indices(h)), layer.code(h))
    np.testing.assert_allclose(layer(h), layer.code(h), atol=1e-6)
    indices = np.arange(120).reshape(-1, 1, 1)
    again = layer.indices(np.arctanh(ops.convert_to_numpy(layer.from_indices(indices)) * 0.999))
    np.testing.assert_array_equal(again, indices)


def test_the_gradient_is_that_of_the_bound():
    layer = identity((8, 5))
    h = tf.constant(RNG.normal(size=(5, 1, 1, 2)), tf.float32)
    weights = tf.constant(RNG.normal(size=(5, 1, 1, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(h)
        value = tf.reduce_sum(weights * layer(h))
    np.testing.assert_allclose(tape.gradient(value, h), weights * (1 - tf.tanh(h) ** 2), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_it_learns_digits(digits):
    keras.utils.set_random_seed(0)
    x = digits[0][:1024]
    model = tiny("fsq_vae_conv", levels=(5, 5, 5))
    model.compile(keras.optimizers.Adam(5e-3))
    history = model.fit(x, batch_size=64, epochs=12, verbose=0).history
    assert history["reconstruction"][-1] < 0.7 * history["reconstruction"][0]
    samples = model.sample(5, seed=0)
    assert np.isfinite(samples).all() and samples.std() > 0


def test_bad_levels_say_so():
    for levels in ((), (8, 1)):
        with pytest.raises(ZooError, match="at least one number of levels"):
            tiny("fsq_vae_mlp", levels=levels)
