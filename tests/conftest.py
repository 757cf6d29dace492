"""What the tests share: small images, a way to real ones, and gradients."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Nothing of what tests export or fetch goes into the user's cache, and no setting of the user's is read.
os.environ["ZOO_CACHE"] = os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="zoo-tests-")
os.environ.pop("ZOO_CONFIG", None)
atexit.register(shutil.rmtree, os.environ["ZOO_CACHE"], ignore_errors=True)


@pytest.fixture(scope="session")
def digits():
    """All of scikit-learn's handwritten digits: uint8 images (1797, 8, 8, 1) and their labels (1797,)."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images[..., None] * (255 / 16)).astype(np.uint8)
    images.setflags(write=False)
    return images, data.target.astype(np.int64)


@pytest.fixture(scope="session")
def images(digits):
    """40 digits, uint8 (40, 8, 8, 1)."""
    return digits[0][:40]


def _data_sets():
    """The folder of prepared TFDS data sets, from TFDS_DATA_DIR or beside the repository."""
    return Path(os.environ.get("TFDS_DATA_DIR", Path(__file__).resolve().parents[2] / "shared" / "tensorflow_datasets"))


@pytest.fixture(scope="session")
def tfds_data_dir():
    """The folder of prepared TFDS data sets; tests that need it skip without."""
    found = _data_sets()
    if not found.is_dir():
        pytest.skip("no prepared TFDS data sets here")
    return found


@pytest.fixture(scope="session")
def real_data():
    """The folder of public weights and test images, beside that of TFDS data sets; tests that need it skip without."""
    found = _data_sets().parent / "data"
    if not (found / "public").is_dir():
        pytest.skip("no public weights here")
    return found


@pytest.fixture
def policy():
    """A function that sets the global dtype policy until the test ends."""
    import keras

    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture
def eagerly():
    """TensorFlow without graphs: for a few steps, tracing is what takes the time."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
