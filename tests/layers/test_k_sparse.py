"""The k-sparse code: k units stay, and only they learn."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny import tiny

from zoo.errors import ZooError
from zoo.layers.bottlenecks.k_sparse import KSparseCode, keep_largest

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


def test_alpha_keeps_more_in_the_features_by_their_excess():
    layer, h = KSparseCode(20, k=4, alpha=1.5), CODE[:, :10]
    code, features = ops.convert_to_numpy(layer(h)), ops.convert_to_numpy(layer.features(h))
    assert np.all(np.count_nonzero(code, axis=1) == 4)
    assert np.all(np.count_nonzero(features, axis=1) == 6)
    np.testing.assert_array_equal(layer.code(h), code)
    linear = np.sort(h @ ops.convert_to_numpy(layer.dense.kernel), axis=1)[:, ::-1]
    np.testing.assert_allclose(np.sort(features, axis=1)[:, ::-1][:, :6], linear[:, :6] - linear[:, 6:7], rtol=1e-4, atol=1e-5)


def test_alpha_never_asks_for_more_units_than_there_are():
    layer = KSparseCode(20, k=15, alpha=3)
    assert np.all(np.count_nonzero(layer.features(CODE[:, :10]), axis=1) == 19)


def test_the_two_layers_start_as_each_others_transpose():
    model = tiny("ksparse_mlp", hidden=())
    kernel = ops.convert_to_numpy(model.bottleneck.dense.kernel)
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(model.decoder.backbone.stages[0].kernel), kernel.T)


def test_where_they_cannot_be_they_are_not():
    model = tiny("ksparse_mlp", hidden=(), loss="logistic_mixture")
    assert model.reconstruct(np.zeros((2, 8, 8, 1))).shape == (2, 8, 8, 1)


@pytest.mark.parametrize("k", [0, 21])
def test_an_impossible_k_is_refused(k):
    with pytest.raises(ZooError, match=f"k={k}, expected between 1 and the 20"):
        KSparseCode(20, k)
