"""Patches and their places, folded images, and the transformer's parts."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from zoo.layers.blocks.fold import fold, unfold
from zoo.layers.blocks.tokens import at_size, cubic, patchify, positions, unpatchify
from zoo.layers.blocks.transformer import Attention, DropPath, TransformerBlock, gelu


@pytest.mark.parametrize("shape, size", [((8, 6, 3), 2), ((9, 9, 1), 3), ((12, 2), 4)], ids=str)
def test_patches_lie_row_by_row_and_come_back(shape, size):
    x = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    patches = ops.convert_to_numpy(patchify(x, size))
    second = x[:, :size, size : 2 * size] if len(shape) == 3 else x[:, size : 2 * size]
    np.testing.assert_array_equal(patches[:, 1], second.reshape(2, -1))
    np.testing.assert_array_equal(ops.convert_to_numpy(unpatchify(patches, shape, size)), x)


@pytest.mark.parametrize("shape, size", [((8, 8, 3), (4, 4)), ((9, 7, 2), (3, 2)), ((5, 5, 1), (5, 5))], ids=str)
def test_folding_loses_nothing(shape, size):
    x = np.random.default_rng(0).random((2, *shape), dtype=np.float32)
    folded = fold(x, size)
    assert tuple(folded.shape[1:3]) == size
    np.testing.assert_array_equal(ops.convert_to_numpy(unfold(folded, shape)), x)


def test_a_place_holds_its_own_pixels():
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(fold(x, (2, 2)))[0, 0, 1], [2, 3, 6, 7])


def test_positions_are_all_different_and_share_the_width_between_the_axes():
    table = positions((4, 5), 8)
    assert table.shape == (20, 8) and len(np.unique(table.round(5), axis=0)) == 20
    # Places of one column share the first half, places of one row the second, as in the masked autoencoder's own code.
    np.testing.assert_allclose(table[0, :4], table[5, :4])
    np.testing.assert_allclose(table[0, 4:], table[4, 4:])


def test_positions_of_another_grid_lie_between():
    np.testing.assert_array_equal(positions((4, 5), 8, trained=(4, 5)), positions((4, 5), 8))
    twice = positions((8, 8), 8, trained=(4, 4)).reshape(8, 8, 8)
    # New places lie a quarter of a step before and behind the old ones, and the slowest sine is all but straight.
    np.testing.assert_allclose(twice[3, 3:5, 1], np.sin(np.array([1.25, 1.75]) / 100), atol=6e-4)
    np.testing.assert_allclose(twice[3:5, 3, 5], np.sin(np.array([1.25, 1.75]) / 100), atol=6e-4)


def test_places_are_repeated_to_the_size_of_maps():
    visible = np.array([[1.0, 0.0]]).reshape(1, 1, 2, 1)
    found = ops.convert_to_numpy(at_size(visible, np.zeros((1, 2, 4, 3))))
    np.testing.assert_array_equal(found[0, ..., 0], [[1, 1, 0, 0], [1, 1, 0, 0]])


@pytest.mark.parametrize("new", [3, 7, 12, 20])
def test_resizing_without_aliases_is_that_of_pillow(new):
    image = pytest.importorskip("PIL.Image")
    x = np.random.default_rng(0).random((12, 12), dtype=np.float32)
    theirs = np.asarray(image.fromarray(x).resize((new, new), image.Resampling.BICUBIC))
    matrix = cubic(12, new, antialias=True)
    np.testing.assert_allclose(matrix @ x @ matrix.T, theirs, atol=1e-5)


def test_attention_is_that_of_keras():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).standard_normal((2, 5, 12)).astype("float32")
    ours = Attention(12, 3)
    ours.build(x.shape)
    theirs = keras.layers.MultiHeadAttention(3, 4)
    theirs.build(x.shape, x.shape)
    kernel, bias = (ops.convert_to_numpy(v) for v in ours.qkv.weights)
    bias = np.random.default_rng(1).standard_normal(bias.shape).astype("float32")
    ours.qkv.bias.assign(bias)
    weights = []
    for part in range(3):
        here = slice(12 * part, 12 * part + 12)
        weights += [kernel[:, here].reshape(12, 3, 4), bias[here].reshape(3, 4)]
    out = [ops.convert_to_numpy(v) for v in ours.out.weights]
    theirs.set_weights([*weights, out[0].reshape(3, 4, 12), out[1]])
    np.testing.assert_allclose(ops.convert_to_numpy(ours(x)), ops.convert_to_numpy(theirs(x, x)), atol=1e-5)


def test_a_path_is_dropped_for_whole_inputs_and_keeps_the_mean():
    keras.utils.set_random_seed(0)
    x = np.ones((4000, 2, 3), np.float32)
    result = ops.convert_to_numpy(DropPath(0.25)(x, training=True))
    kept = result[:, 0, 0] > 0
    np.testing.assert_allclose(result[kept], 1 / 0.75, rtol=1e-6)
    assert not result[~kept].any()
    # A standard error of .007.
    assert kept.mean() == pytest.approx(0.75, abs=0.03)
    np.testing.assert_array_equal(ops.convert_to_numpy(DropPath(0.25)(x)), x)


def test_half_precision_rounds_the_activation_once():
    x = np.linspace(-6, 6, 501, dtype=np.float32)
    half = ops.cast(x, "bfloat16")
    exact = ops.gelu(ops.cast(half, "float32"), approximate=False)
    assert keras.backend.standardize_dtype(gelu(half).dtype) == "bfloat16"
    # An activation of half precision's own would be off by 2^-8 of the values inside.
    np.testing.assert_allclose(ops.convert_to_numpy(ops.cast(gelu(half), "float32")), exact, rtol=2**-8, atol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(gelu(x)), ops.convert_to_numpy(ops.gelu(x, approximate=False)), atol=1e-6)


def test_slopes_of_the_activation_are_those_of_the_error_function():
    tf = pytest.importorskip("tensorflow")
    x = np.linspace(-6, 6, 501)
    value = tf.Variable(x, dtype="float32")
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = gelu(value)
        slope = inner.gradient(y, value)
    bend = outer.gradient(slope, value)
    share = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(slope, share + x * density, atol=1e-6)
    np.testing.assert_allclose(bend, (2 - x**2) * density, atol=1e-6)


def test_a_block_without_paths_is_the_identity():
    x = np.random.default_rng(0).random((64, 3, 8), dtype=np.float32)
    keras.utils.set_random_seed(0)
    block = TransformerBlock(8, 2, drop_path=0.5)
    result = ops.convert_to_numpy(block(x, training=True))
    # Both branches are left out for a quarter of the inputs.
    same = np.all(result == x, axis=(1, 2)).mean()
    assert 0.05 < same < 0.5
    assert np.all(ops.convert_to_numpy(block(x)) != x, axis=(1, 2)).all()
