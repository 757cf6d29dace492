"""Packages that report to their makers do not, and leave no identity in the user's home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo

ROOT = Path(zoo.__file__).parents[1]
SESSION = """
import onnx
from onnx import TensorProto, helper
from zoo.inference.runtimes.onnx import session

x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy")
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "g.onnx")
import numpy as np
session("g.onnx")(np.zeros((1, 2), np.float32))
"""
OPENVINO = """
from zoo.utils.telemetry import import_openvino
assert import_openvino().Core()
import sys
assert "openvino_telemetry" not in sys.modules
"""


def process(code, folder, **environment):
    kept = {key: value for key, value in os.environ.items() if key not in ("ORT_DISABLE_TELEMETRY", "CI")}
    home = folder / "home"
    home.mkdir()
    environment = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return sorted(path.name for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize("package, code", (("onnxruntime", SESSION), ("openvino", OPENVINO)))
def test_nothing_is_left_in_the_home(package, code, tmp_path):
    pytest.importorskip(package)
    assert process(code, tmp_path) == []


def test_settings_are_made_with_the_first_import_and_a_users_own_stay():
    names = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED")
    code = f"import os, zoo; print(*(os.environ[name] for name in {names}))"
    kept = {key: value for key, value in os.environ.items() if key not in names}
    for given, expected in ({}, "1 1 0"), ({"RAY_USAGE_STATS_ENABLED": "1"}, "1 1 1"):
        environment = {**kept, "PYTHONPATH": str(ROOT), **given}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.stdout.split() == expected.split()
