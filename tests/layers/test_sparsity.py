"""Sparsity penalties: the L1 norm, and the divergence of the mean activation from its target."""

import numpy as np
import pytest
from keras import ops

from zoo.errors import ZooError
from zoo.layers.bottlenecks.sparsity import KLSparseCode, L1Code, kl_sparsity

H = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def divergence(p, q):
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


@pytest.mark.parametrize("target", [0.05, 0.3])
def test_divergence_formula(target):
    mean = np.array([0.01, 0.2, 0.5, 0.99])
    np.testing.assert_allclose(kl_sparsity(ops.convert_to_tensor(mean), target), divergence(target, mean), rtol=1e-6)


@pytest.mark.parametrize("target", [0.05, 0.3])
def test_divergence_is_zero_at_the_target_and_positive_beside_it(target):
    at, below, above = ops.convert_to_numpy(kl_sparsity(ops.convert_to_tensor([target, target / 2, target * 2]), target))
    assert at == pytest.approx(0, abs=1e-7)
    assert below > 1e-3 and above > 1e-3


@pytest.mark.parametrize("dead", [0.0, 1.0])
def test_divergence_of_dead_units_is_finite(dead):
    assert np.isfinite(ops.convert_to_numpy(kl_sparsity(ops.convert_to_tensor([dead]), 0.05))).all()


def test_kl_code_adds_the_divergence_of_its_batch_means():
    layer = KLSparseCode(4, weight=0.7, target=0.1)
    code = ops.convert_to_numpy(layer(H)).astype(np.float64)
    assert code.min() > 0 and code.max() < 1
    assert float(layer.losses[0]) == pytest.approx(0.7 * divergence(0.1, code.mean(axis=0)).sum(), rel=1e-5)


def test_l1_code_adds_the_norm_of_a_row():
    layer = L1Code(4, weight=0.7)
    code = ops.convert_to_numpy(layer(H))
    assert code.min() == 0 < code.max(), "units are rectified, so that they can be silent"
    assert float(layer.losses[0]) == pytest.approx(0.7 * np.abs(code).sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("target", [0, 1, -0.1, 5])
def test_a_target_that_is_no_share_is_refused(target):
    with pytest.raises(ZooError, match="between 0 and 1"):
        KLSparseCode(4, 1.0, target)
