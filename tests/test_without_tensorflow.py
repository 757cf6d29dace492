"""The way with JAX alone, in a process where TensorFlow cannot be imported."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.finetuning import batches as finetuning_batches

TESTS = Path(__file__).parent


@pytest.mark.slow
def test_jax_alone_trains_encodes_samples_and_fine_tunes(tmp_path):
    pytest.importorskip("jax")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(zoo.__file__).parents[1]), str(TESTS)])}
    command = [sys.executable, str(TESTS / "without_tensorflow.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "done", done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("zoo: ")]
    assert "requires TensorFlow" in lines[0]
    assert "requires the package tensorflow; install it: pip install tensorflow" in lines[1]


@pytest.mark.parametrize("mixup, cutmix", ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)))
def test_labelled_batches(mixup, cutmix, monkeypatch):
    monkeypatch.setattr(finetuning_batches, "installed", lambda name: False)
    monkeypatch.setattr("zoo.data.pipeline.installed", lambda name: False)
    images = np.repeat(np.array([0, 255], np.uint8), 6)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    rows = np.repeat(np.eye(2, dtype=np.float32), 6, axis=0)
    common = (images, rows, 4, 0)
    pairs = list(finetuning_batches.labelled_batches(*common, 0, 5, (), mixup, cutmix))
    assert len(pairs) == 5
    for x, y in pairs:
        assert x.shape == (4, 8, 8, 1) and y.shape == (4, 2)
        unit = x / 255 if x.dtype == np.uint8 else x
        # White is the second class: an image has as much of it as its row says.
        np.testing.assert_allclose(unit.mean(axis=(1, 2, 3)), y[:, 1], atol=1e-5)
    again = list(finetuning_batches.labelled_batches(*common, 3, 2, (), mixup, cutmix))
    np.testing.assert_array_equal(pairs[3][0], again[0][0])
