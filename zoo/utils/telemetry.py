"""Nothing about a user goes to the makers of packages that the zoo uses: reports are turned off before these are imported."""

import importlib
import os
import sys

# What packages read when they are imported, or started. A user's own setting stays.
_SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime 1.29 and later
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def turn_off():
    """Set the environment variables that turn reports off, where they are not set."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def import_onnxruntime():
    """The module `onnxruntime`, its events turned off."""
    turn_off()
    import onnxruntime

    if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
        onnxruntime.disable_telemetry_events()
    return onnxruntime


def import_openvino():
    """The module `openvino`, imported without its reporter.

    No setting of a process turns that off: it reports each import unless a file in the user's home forbids it. OpenVINO does
    without where the package `openvino_telemetry` is missing, so it is missing during the import.
    """
    if "openvino" in sys.modules or "openvino_telemetry" in sys.modules:
        return importlib.import_module("openvino")
    sys.modules["openvino_telemetry"] = None
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules["openvino_telemetry"]
