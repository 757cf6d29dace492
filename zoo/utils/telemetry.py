"""Packages that the zoo uses do not send data about users: their telemetry is turned off before they are imported."""

import importlib
import os
import sys

# Environment variables that packages read at import or start. Settings of the user are not changed.
_SETTINGS = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime 1.29 and later
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def turn_off():
    """Set the environment variables that turn telemetry off, unless the user has set them."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def import_onnxruntime():
    """The module `onnxruntime`, with telemetry turned off."""
    turn_off()
    import onnxruntime

    if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
        onnxruntime.disable_telemetry_events()
    return onnxruntime


def import_openvino():
    """The module `openvino`, imported without telemetry.

    It reports each import unless a file in the user's home directory forbids it; there is no setting for a process. Without the
    package `openvino_telemetry` it does not, so this package is hidden during the import.
    """
    if "openvino" in sys.modules or "openvino_telemetry" in sys.modules:
        return importlib.import_module("openvino")
    sys.modules["openvino_telemetry"] = None
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules["openvino_telemetry"]
