"""The k-sparse code: k units stay, and only they learn."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.errors import ZooError
from zoo.layers.k_sparse import KSparseCode, keep_largest

CODE = np.random.default_rng(0).normal(size=(6, 20)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 3, 20])
def test_the_k_largest_stay(k):
    kept = ops.convert_to_numpy(keep_largest(CODE, k))
    expected = np.zeros_like(CODE)
    for row, values in enumerate(CODE):
        best = np.argsort(values)[-k:]
        expected[row, best] = values[best]
    np.testing.assert_array_equal(kept, expected)


def test_the_gradient_flows_through_the_kept_alone():
    code = tf.convert_to_tensor(CODE)
    with tf.GradientTape() as tape:
        tape.watch(code)
        kept = keep_largest(code, 3)
        loss = tf.reduce_sum(kept * 2)
    np.testing.assert_array_equal(tape.gradient(loss, code), 2 * (kept.numpy() != 0))


def test_alpha_keeps_more_when_encoding():
    layer, h = KSparseCode(20, k=4, alpha=1.5), CODE[:, :10]
    assert np.all(np.count_nonzero(layer(h, training=True), axis=1) == 4)
    assert np.all(np.count_nonzero(layer(h, training=False), axis=1) == 6)
    np.testing.assert_array_equal(layer.code(h), layer(h, training=False))


def test_alpha_never_asks_for_more_units_than_there_are():
    assert KSparseCode(20, k=15, alpha=3).k_encoding == 20


@pytest.mark.parametrize("k", [0, 21])
def test_an_impossible_k_is_refused(k):
    with pytest.raises(ZooError, match=f"k={k}, expected between 1 and the 20"):
        KSparseCode(20, k)
