"""TensorFlow imported, and others begun, without their notes to developers."""

import contextlib
import os
import sys


def load_quietly():
    """Import what Keras runs on, TensorFlow unless KERAS_BACKEND says otherwise, without its notes."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        load_tensorflow_quietly()


def load_tensorflow_quietly():
    """Import TensorFlow with the standard error closed: its first notes to developers obey no setting."""
    if "tensorflow" in sys.modules:
        return
    with closed_standard_error():
        import tensorflow

        tensorflow.config.list_physical_devices()


@contextlib.contextmanager
def closed_standard_error():
    """Nothing that is written to the standard error, by Python or by what is below it, is seen."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
