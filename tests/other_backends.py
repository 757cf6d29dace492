"""What the tests run on JAX and PyTorch, each in a process of its own: a process has one backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent


def on_jax(*command):
    """`on_backend` on JAX, the core's other backend."""
    return on_backend("jax", *command)


def on_backend(backend, *command):
    """What `python COMMAND` prints last, read as JSON; skipped without the backend, and fails with what the process said."""
    # Not imported: PyTorch and TensorFlow do not bear one another in one process.
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    # Most of the time is compilation of steps that run once: the machine code need not be good.
    environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"
    environment["PYTHONPATH"] = os.pathsep.join([str(_TESTS.parent), str(_TESTS), environment.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, *map(str, command)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
