"""The same models on JAX and PyTorch, each in one process of its own: every variant, every backbone."""

from pathlib import Path

import numpy as np
import pytest
from other_backends import on_backend
from tiny import PUBLISHED, mostly_slow

import zoo

# These always, the others with `-m ""`.
CORE = {"vae_mlp", "contractive_mlp", "mae_vit", "vq_vae_mlp"}
TERMS = {"vae_mlp": ["kl"], "beta_vae_mlp": ["kl"], "sparse_mlp": ["sparsity"], "contractive_mlp": ["contraction"]}


def one_of_each():
    """Every variant on its first backbone; every backbone with a VAE; the winners over the image, which have their own layer.

    Those of the core always, the others with `-m ""`: each takes seconds to compile.
    """
    first = {}
    for name in sorted(zoo.list_models(), key=lambda name: not name.endswith("_mlp")):
        if name.rpartition("_")[2] not in PUBLISHED:
            first.setdefault(name.rpartition("_")[0], name)
    vaes = {name for name in zoo.list_models("vae_*") if name.rpartition("_")[0] == "vae"}
    names = sorted({*first.values(), *vaes, "wta_conv"})
    return mostly_slow(names, CORE)


@pytest.fixture(scope="module", params=["jax", "torch"])
def found(request):
    chosen = [item.callspec.params["name"] for item in request.session.items if item.originalname == "test_as_elsewhere"]
    return on_backend(request.param, Path(__file__).parent / "family.py", *sorted({*chosen, *CORE}))


@pytest.mark.parametrize("name", one_of_each())
def test_as_elsewhere(found, name):
    result = found[name]
    assert "failed" not in result, result["failed"]
    history, terms = result["history"], result["terms"]
    assert set(history) == {"loss", "reconstruction", *terms}
    assert np.isfinite(list(history.values())).all()
    assert history["loss"] == pytest.approx(history["reconstruction"] + sum(history[t] for t in terms), rel=1e-4)
    assert result["features"][0] == 40 and len(result["features"]) == 2
    assert result["finite"]
    assert result["floats_differ"] < 1e-5
    assert result["repeat_differs"] == 0
    assert result["reconstructions"] == [40, 8, 8, 1]
    assert 0 <= result["range"][0] < result["range"][1] <= 1
    assert result["decoded"] == [3, 8, 8, 1]
    assert result["same_config"]
    assert result["rebuilt_differs"] < 1e-6
    assert result["loaded_differs"] < 1e-6
    assert result["keras_file_differs"] < 1e-6
    assert result["copy_differs"] < 1e-5
    assert all(result["dropping"]) and (result["dropping"] or name != "mae_vit")


def test_terms_are_the_same_as_elsewhere(found):
    assert {name: found[name]["terms"] for name in TERMS if name in found} == {
        name: terms for name, terms in TERMS.items() if name in found
    }


def test_the_contractive_estimate_is_unbiased(found):
    assert "failed" not in found["jacobian"], found["jacobian"]["failed"]
    mean, error, expected = (found["jacobian"][key] for key in ("mean", "error", "expected"))
    assert error < 0.05 * expected
    assert abs(mean - expected) < 4 * error + 1e-3 * expected


def test_likelihoods(found):
    """Draws differ from the loss's own, on which the bound depends little and the likelihood is above it."""
    assert "failed" not in found["likelihood"], found["likelihood"]["failed"]
    loss, bound, likelihood = (found["likelihood"][key] for key in ("loss", "bound", "likelihood"))
    assert bound == pytest.approx(-loss, rel=0.03)
    assert likelihood > bound


def test_anomaly_maps(found):
    assert "failed" not in found["anomaly_maps"], found["anomaly_maps"]["failed"]
    assert max(found["anomaly_maps"]["differences"]) < 1e-5
    # Whether an image is in a batch of another size decides about rounding only.
    assert found["anomaly_maps"]["itself"] < 1e-3 and len(found["anomaly_maps"]["scores"]) == 6
