"""Bessel functions of any order against scipy's, and their gradients."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import special

from zoo.layers.math.bessel import scaled_log_and_ratio

X = np.logspace(-3, 4, 300).astype(np.float32)


@pytest.mark.parametrize("order", [0, 0.5, 1, 1.5, 2, 4, 7.5, 9.5, 10, 15, 31, 64])
def test_logarithm_and_ratio(order):
    log, ratio = (ops.convert_to_numpy(t).astype(np.float64) for t in scaled_log_and_ratio(order, X))
    x = X.astype(np.float64)
    scaled = special.ive(order, x)
    np.testing.assert_allclose(log + order * np.log(x / 2) - special.gammaln(order + 1), np.log(scaled), rtol=1e-4)
    above = special.ive(order + 1, x)
    normal = above > 1e-300
    np.testing.assert_allclose(ratio[normal], above[normal] / scaled[normal], rtol=3e-5)


@pytest.mark.parametrize("order", [0, 4, 31])
def test_gradients_are_those_of_the_functions(order):
    x = tf.constant(X[(X > 0.1) & (X < 300)])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        log, ratio = scaled_log_and_ratio(order, x)
    np.testing.assert_allclose(tape.gradient(log, x) + 1, ratio, rtol=1e-4, atol=1e-6)
    x64 = x.numpy().astype(np.float64)
    expected = special.ive(order + 1, x64) / special.ive(order, x64)
    expected = 1 - expected**2 - (2 * order + 1) / x64 * expected
    np.testing.assert_allclose(tape.gradient(ratio, x), expected, rtol=1e-2)


def test_extremes_are_finite():
    for order in (0, 4, 500):
        log, ratio = scaled_log_and_ratio(order, np.float32([0, 1e-30, 1e6]))
        assert np.isfinite(log).all() and np.isfinite(ratio).all()
        assert abs(float(log[0])) < 1e-6 and float(ratio[0]) == 0
