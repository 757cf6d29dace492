"""The zoo's copies of ViT-MAE and of diffusers' autoencoders against the originals, by which they are right or wrong.

Needs the extra `convert-test`. The public architectures in their full size are in `benchmarks/parity.py`.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from parity import differences

# Of the reference's largest value: float32 sums in another order.
TOLERANCE = 1e-4
NAMES = ["kl", "kl_plain", "vq", "mae"]

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "diffusers", "transformers")), reason="needs the extra convert-test"
)


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """The folder that `references.py` has filled."""
    folder = tmp_path_factory.mktemp("references")
    argv = [sys.executable, str(Path(__file__).with_name("references.py")), str(folder), *NAMES]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_depth_the_code_and_the_images_are_the_originals(references, name):
    found = differences(references, name)
    assert len(found) > 3 and max(found.values()) <= TOLERANCE, found


def test_so_they_are_on_jax(references):
    argv = [sys.executable, str(Path(__file__).with_name("parity.py")), str(references), *NAMES]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "jax"})
    assert done.returncode == 0, done.stderr
    for name, found in json.loads(done.stdout.splitlines()[-1]).items():
        assert max(found.values()) <= TOLERANCE, (name, found)


@pytest.mark.parametrize("name", ["kl", "mae"])
def test_mixed_precision_stays_near(references, name, policy):
    policy("mixed_bfloat16")
    found = differences(references, name, images=False)
    # Eight bits of mantissa, through some twenty layers.
    assert max(found.values()) <= 0.1, found
