"""Import of frameworks without their log messages, and the settings of Keras before it is imported."""

import contextlib
import importlib.util
import json
import logging
import os
import sys
import warnings

from zoo.errors import ZooError, suggest

# Backends that the zoo supports. The other backends of Keras cannot train or lack layers.
BACKENDS = ("tensorflow", "jax", "torch")
# Keras's settings that decide what a model computes, and their defaults.
_SETTINGS = {"backend": "tensorflow", "image_data_format": "channels_last", "floatx": "float32", "epsilon": 1e-7}


def keras_backend():
    """Keras's backend, without loading it: that of the loaded Keras, else the one that Keras will choose.

    Raises:
        ZooError: if the zoo does not support the backend.
    """
    name = keras_settings()["backend"]
    if name not in BACKENDS:
        raise ZooError(f"got the Keras backend {name!r}, expected one of {', '.join(BACKENDS)}.{suggest(name, BACKENDS)}")
    return name


def keras_settings():
    """Mapping of Keras's settings, without loading it: those of the loaded Keras, else those that Keras will read."""
    if "keras" in sys.modules and hasattr(sys.modules["keras"], "config"):
        config = sys.modules["keras"].config
        return {name: getattr(config, name)() for name in _SETTINGS}
    settings = {name: _keras_json().get(name, default) for name, default in _SETTINGS.items()}
    return {**settings, "backend": os.environ.get("KERAS_BACKEND") or settings["backend"]}


def _keras_json():
    """The content of the user's keras.json; an empty mapping if there is none."""
    home = os.path.expanduser("~")
    folder = os.environ.get("KERAS_HOME", os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras"))
    try:
        with open(os.path.join(folder, "keras.json"), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def installed(package):
    """Whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # the import is blocked in this process
        return False


def load_quietly():
    """Import the backend of Keras without its log messages.

    Raises:
        ZooError: if the backend is not supported or not installed.
    """
    backend = keras_backend()
    if not installed(backend):
        others = [name for name in BACKENDS if installed(name)]
        advice = f"set the environment variable KERAS_BACKEND={others[0]}" if others else f"pip install {backend}"
        raise ZooError(f"Keras is set to run on {backend}, which is not installed; {advice}.")
    if backend == "tensorflow":
        load_tensorflow_quietly()


def load_tensorflow_quietly():
    """Import TensorFlow with standard error closed, because no setting suppresses its first log messages."""
    if "tensorflow" in sys.modules:
        return
    with closed_standard_error():
        import tensorflow

        tensorflow.config.list_physical_devices()


@contextlib.contextmanager
def closed_standard_error():
    """Discard everything that is written to standard error, by Python or by native code."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # closed already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def without_warnings():
    """Suppress warnings, also those that are logged: for tools whose warnings concern their own code."""
    kept = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(kept)
