"""A Keras model written in another format, loaded back and compared with Keras before it counts."""

import contextlib
import logging
import warnings

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.inference.export.exported import PARTS
from zoo.inference.export.formats import FORMATS
from zoo.utils.quiet import installed

# Largest difference to Keras, relative to the largest output where that is above 1.
TOLERANCE = 1e-4


class ExportError(ZooError):
    """A model cannot be had in a format; in Keras it runs all the same."""


def write(model, path, format, shape, values, names=PARTS["encoder"]):
    """Write a Keras model of one input (N, *shape) of dtype `values`, and compare.

    Args:
        model: called by one tensor, gives one.
        path: of the file, or the folder of a SavedModel; replaced.
        format: one of `FORMATS`.
        shape: of one input.
        values: dtype of the input, "uint8" or "float32".
        names: of input and output, in formats that keep names.

    Returns:
        The largest difference between what the written model gives and what Keras does, relative to the largest output where
        that is above 1.

    Raises:
        ExportError: on a missing package, and when the export fails, or differs by more than `TOLERANCE`.
    """
    missing = [name for name in FORMATS[format].PACKAGES if not installed(name)]
    if missing:
        package = missing[0] if missing[0] == "tensorflow" else f"'autoencoder-zoo[{format}]'"
        raise ExportError(f"{format} needs the package {missing[0]}: pip install {package}")
    inputs = keras.Input(shape, dtype=values, name=names[0])
    graph = keras.Model(inputs, model(inputs))
    examples = _examples(shape, values)
    # Keras exports what it has seen called.
    expected = [np.asarray(keras.ops.convert_to_numpy(graph(x)), np.float32) for x in examples]
    try:
        with _quiet():
            FORMATS[format].write(graph, str(path), names)
        run = FORMATS[format].runner(str(path))
        difference = max(_difference(np.asarray(run(x)), y) for x, y in zip(examples, expected))
    except ZooError:
        raise
    except Exception as error:  # every exporter has errors of its own
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportError(f"{model.name} cannot be exported to {format}: {reason[:200]}") from error
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the {format} export of {model.name} differs from Keras by {difference:.2g}, expected at most {TOLERANCE:.0e}."
        )
    return difference


def _examples(shape, values):
    """Inputs of two batch sizes: a graph that has swallowed one fails at the other."""
    rng = np.random.default_rng(0)
    if values == "uint8":
        return [rng.integers(0, 256, (n, *shape), np.uint8) for n in (3, 1)]
    return [rng.random((n, *shape), dtype=np.float32) for n in (3, 1)]


def _difference(got, expected):
    if got.shape != expected.shape:
        raise ExportError(f"the export gives outputs of shape {got.shape}, where Keras gives {expected.shape}.")
    return float(np.abs(got - expected).max() / max(1.0, float(np.abs(expected).max())))


@contextlib.contextmanager
def _quiet():
    """The converters below Keras warn of their own code."""
    kept = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(kept)
