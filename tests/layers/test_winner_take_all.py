"""Winner-take-all: winners over the batch, winners over the image."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.layers.bottlenecks.winner_take_all import LifetimeWinnerTakeAll, SpatialWinnerTakeAll, lifetime_winners, spatial_winners

rng = np.random.default_rng(0)
CODE = rng.random((20, 6), dtype=np.float32) + 0.1
MAPS = rng.random((10, 5, 4, 3), dtype=np.float32) + 0.1


@pytest.mark.parametrize("rate, kept", [(0.05, 1), (0.01, 1), (0.25, 5), (0.33, 7), (1.0, 20)])
def test_a_unit_keeps_its_share_of_the_batch(rate, kept):
    result = ops.convert_to_numpy(lifetime_winners(ops.convert_to_tensor(CODE), rate))
    for column in range(CODE.shape[1]):
        best = np.argsort(CODE[:, column])[-kept:]
        expected = np.zeros(20, np.float32)
        expected[best] = CODE[best, column]
        np.testing.assert_array_equal(result[:, column], expected)


def test_the_share_is_that_of_a_batch_of_unknown_size():
    function = tf.function(lambda x: lifetime_winners(x, 0.25), input_signature=[tf.TensorSpec((None, 6))])
    for n in (20, 8, 1):
        assert np.all(np.count_nonzero(function(CODE[:n]), axis=0) == max(1, round(0.25 * n)))


def test_the_gradient_flows_through_the_winners_alone():
    code = tf.convert_to_tensor(CODE)
    with tf.GradientTape() as tape:
        tape.watch(code)
        kept = lifetime_winners(code, 0.25)
    np.testing.assert_array_equal(tape.gradient(kept, code), (kept.numpy() != 0).astype(np.float32))


def test_encoding_needs_no_batch():
    layer = LifetimeWinnerTakeAll(5, 0.1)
    h = rng.normal(size=(20, 4)).astype(np.float32)
    together = ops.convert_to_numpy(layer(h, training=False))
    np.testing.assert_allclose(together[3:4], layer(h[3:4], training=False), rtol=1e-6)
    assert together.min() == 0 and np.count_nonzero(together) > np.count_nonzero(layer(h, training=True))


def test_a_map_keeps_its_one_largest_activation():
    result = ops.convert_to_numpy(spatial_winners(ops.convert_to_tensor(MAPS)))
    assert np.all(np.count_nonzero(result, axis=(1, 2)) == 1)
    np.testing.assert_array_equal(result.max(axis=(1, 2)), MAPS.max(axis=(1, 2)))
    assert np.all((result == 0) | (result == MAPS))


def test_with_a_rate_a_map_wins_on_a_share_of_the_batch():
    result = ops.convert_to_numpy(spatial_winners(ops.convert_to_tensor(MAPS), 0.3))
    assert np.all(np.count_nonzero(result, axis=(1, 2)) <= 1)
    winning = result.max(axis=(1, 2))
    largest = MAPS.max(axis=(1, 2))
    for channel in range(3):
        assert set(np.flatnonzero(winning[:, channel])) == set(np.argsort(largest[:, channel])[-3:])


def test_the_rate_is_for_training_alone():
    layer = SpatialWinnerTakeAll(pool=2, rate=0.3)
    layer.build((None, 5, 4, 3))
    assert np.count_nonzero(layer(MAPS, training=True)) == 3 * 3
    assert np.count_nonzero(layer(MAPS, training=False)) == 10 * 3
    np.testing.assert_array_equal(layer.code(MAPS), layer(MAPS, training=False))


def test_features_are_window_maxima_of_all_rectified_activations():
    layer = SpatialWinnerTakeAll(pool=2)
    layer.build((None, 5, 4, 3))
    maps = MAPS - 0.6
    padded = np.pad(np.maximum(maps, 0), ((0, 0), (0, 1), (0, 0), (0, 0)))
    expected = padded.reshape(10, 3, 2, 2, 2, 3).max(axis=(2, 4)).reshape(10, -1)
    np.testing.assert_allclose(layer.features(ops.convert_to_tensor(maps)), expected)


def test_windows_may_overlap():
    layer = SpatialWinnerTakeAll(pool=3, stride=1)
    layer.build((None, 5, 4, 3))
    rows = np.pad(np.maximum(MAPS, 0), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(rows, (3, 3), axis=(1, 2)).max(axis=(-2, -1))
    np.testing.assert_allclose(layer.features(ops.convert_to_tensor(MAPS)), windows.reshape(10, -1))
