"""TensorFlow imported without its notes to developers."""

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
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow

        tensorflow.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
