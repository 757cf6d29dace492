"""The way with JAX alone, in a process where TensorFlow cannot be imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo

TESTS = Path(__file__).parent


def test_jax_alone_trains_encodes_samples_and_fine_tunes(tmp_path):
    pytest.importorskip("jax")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(zoo.__file__).parents[1]), str(TESTS)])}
    command = [sys.executable, str(TESTS / "without_tensorflow.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "done", done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("zoo: ")]
    assert "needs TensorFlow" in lines[0] and "needs the package tensorflow: pip install tensorflow" in lines[1]
