"""Which framework Keras will run on, said before it is loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.utils import quiet


@pytest.mark.parametrize("backend", ("theano", "numpy", "openvino"))
@pytest.mark.parametrize(
    "argv", (["score", "ae_conv.mnist", "d.npy", "--output", "f.npy"], ["encode", "ae_conv.mnist", "d.npy", "--output", "f.npy"])
)
def test_a_backend_that_is_none_is_one_clear_line(backend, argv, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(zoo.__file__).parents[1]), "KERAS_BACKEND": backend}
    import numpy as np

    np.save(tmp_path / "d.npy", np.zeros((2, 28, 28, 1), np.uint8))
    command = [sys.executable, "-m", "zoo", *argv]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"zoo: got the Keras backend {backend!r}, expected one of tensorflow, jax, torch.\n"


@pytest.fixture
def unloaded(monkeypatch, tmp_path):
    """Keras not loaded yet, and a folder for its settings."""
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


def test_the_backend_is_what_keras_will_choose(unloaded, monkeypatch):
    assert quiet.keras_backend() == "tensorflow"
    (unloaded / "keras.json").write_text(json.dumps({"backend": "jax"}))
    assert quiet.keras_backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert quiet.keras_backend() == "torch"


def test_a_backend_that_is_not_installed(unloaded, monkeypatch):
    monkeypatch.setattr(quiet, "installed", lambda name: name == "jax")
    with pytest.raises(zoo.ZooError, match="tensorflow, which is not installed; set the environment variable KERAS_BACKEND=jax"):
        quiet.load_quietly()
