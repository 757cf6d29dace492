"""The zoo's copies of ViT-MAE and of diffusers' autoencoders against the originals, by which they are right or wrong.

Needs the extra `convert-test`. The other public architectures in their full size are in `benchmarks/parity.py`.
"""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from other_backends import on_jax
from parity import differences

_TESTS = Path(__file__).parent
# Name -> what float32 sums in another order may differ by, and bfloat16's eight bits of mantissa, of the reference's largest
# value. Of DC-AE's small heads, a place may have nothing to divide by, which rounding changes: the originals' own code and images
# differ by up to .055 in bfloat16 (TAESD's by .007), Sana's wider heads here by less than .02.
TOLERANCES = {
    "kl": (1e-4, 0.1),
    "kl_plain": (1e-4, 0.1),
    "flux2": (1e-4, None),
    "asymmetric": (1e-4, None),
    "hunyuan": (1e-4, None),
    "vq": (1e-4, None),
    "mae": (1e-4, 0.1),
    "mae_pixels": (1e-4, None),
    "mae_encoder": (1e-4, None),
    "convnextv2": (1e-4, None),
    "hiera": (1e-4, None),
    "hiera_encoder": (1e-4, None),
    "swin": (1e-4, 0.1),
    "rae_mae": (1e-4, None),
    "rae_dinov2": (1e-4, 0.1),
    "tiny": (1e-5, 0.02),
    "taesd": (1e-5, 0.02),
    "shuffling": (1e-4, 0.25),
    "interpolating": (1e-4, 0.25),
}
# Between the layers of DC-AE a place as above may be anything.
_ENDS = ("code", "reconstruction", "image")

# Asked without importing them: PyTorch and TensorFlow in one process may crash each other.
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "diffusers", "transformers", "timm")), reason="needs the extra convert-test"
)


def write(folder, *names):
    done = subprocess.run([sys.executable, _TESTS / "references.py", folder, *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """The folder that `references.py` has filled."""
    folder = tmp_path_factory.mktemp("references")
    write(folder, *TOLERANCES)
    return folder


@pytest.mark.parametrize("name", TOLERANCES)
def test_every_depth_the_code_and_the_images_are_the_originals(references, name):
    found = differences(references, name)
    assert len(found) > 3 and max(found.values()) <= TOLERANCES[name][0], found


def test_so_they_are_on_jax(references):
    for name, found in on_jax(_TESTS / "parity.py", references, *TOLERANCES).items():
        assert max(found.values()) <= TOLERANCES[name][0], (name, found)


@pytest.mark.parametrize("name", [name for name, (_, half) in TOLERANCES.items() if half])
def test_mixed_precision_stays_near(references, name, policy):
    policy("mixed_bfloat16")
    found = differences(references, name)
    ends = name in ("shuffling", "interpolating")
    assert max(value for key, value in found.items() if key in _ENDS or not ends) <= TOLERANCES[name][1], found


def test_dc_ae_of_sana_is_the_original():
    # Its file has 1.2 GB, which pytest would keep.
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "sana")
        assert max(differences(folder, "sana").values()) < 1e-4
