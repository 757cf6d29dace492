"""Training on several devices: the losses of one, within rounding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from several_devices import DRAWN, EXACT

TESTS = Path(__file__).parent

# In processes of their own, for minutes.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=("tensorflow", "jax"))
def found(request):
    pytest.importorskip(request.param)
    environment = {
        **os.environ,
        "KERAS_BACKEND": request.param,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    }
    done = subprocess.run([sys.executable, TESTS / "several_devices.py"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", EXACT)
def test_two_devices_train_as_one(found, name):
    assert found["devices"] == 2
    one, two = found["one"][name], found["two"][name]
    assert set(one["history"]) == set(two["history"])
    assert one["history"]["loss"][-1] < one["history"]["loss"][0], "it learns"
    for term, values in one["history"].items():
        np.testing.assert_allclose(two["history"][term], values, rtol=1e-4, atol=1e-6, err_msg=term)
    np.testing.assert_allclose(two["features"], one["features"], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", DRAWN)
def test_what_sums_up_its_own_loss_shares_it_among_the_devices(found, name):
    if name not in found["one"]:
        pytest.skip("on JAX one program computes the loss of the whole batch")
    one, two = found["one"][name]["history"], found["two"][name]["history"]
    assert one["weight_decay"][0] > 0.01 * one["loss"][0]
    for term, values in one.items():
        # In units of the whole loss: a term of chance alone may be near zero.
        np.testing.assert_allclose(two[term], values, atol=0.1 * one["loss"][0], err_msg=term)
    terms = sum(np.array(values) for term, values in two.items() if term != "loss")
    np.testing.assert_allclose(two["loss"], terms, rtol=1e-4)
