"""A Keras model written in another format, loaded from the file, and compared with Keras."""

import keras
import numpy as np

from zoo.errors import ZooError
from zoo.inference.export.exported import PARTS
from zoo.inference.export.formats import FORMATS
from zoo.utils.distributions import missing_package
from zoo.utils.quiet import installed, without_warnings

# Largest difference from Keras, relative to the largest output if that is above 1.
TOLERANCE = 1e-4


class ExportError(ZooError):
    """A model cannot be exported to a format; it still runs in Keras."""


def write(model, path, format, shape, values, names=PARTS["encoder"]):
    """Write a Keras model in another format and compare its outputs with Keras.

    Args:
        model: a Keras model with one input (N, *shape) and one output.
        path: path of the file, or of the folder of a SavedModel, which is replaced.
        format: one of `FORMATS`.
        shape: shape of one input, without the batch axis.
        values: dtype of the input, "uint8" or "float32".
        names: names of the input and the output, in formats that have names.

    Returns:
        The largest difference between the outputs of the written model and of Keras, relative to the largest output if that is
        above 1.

    Raises:
        ExportError: if a package is missing, or the export fails or differs by more than `TOLERANCE`.
    """
    missing = [name for name in FORMATS[format].PACKAGES if not installed(name)]
    if missing:
        raise ExportError(str(missing_package(f"an export to {format}", missing[0])))
    inputs = keras.Input(shape, dtype=values, name=names[0])
    graph = keras.Model(inputs, model(inputs))
    examples = _examples(shape, values)
    # Keras exports only models that have been called.
    expected = [np.asarray(keras.ops.convert_to_numpy(graph(x)), np.float32) for x in examples]
    try:
        with without_warnings():
            FORMATS[format].write(graph, str(path), names)
        run = FORMATS[format].runner(str(path))
        difference = max(_difference(np.asarray(run(x)), y) for x, y in zip(examples, expected))
    except ZooError:
        raise
    except Exception as error:  # each exporter has its own errors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportError(f"{model.name} cannot be exported to {format}: {reason[:200]}") from error
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the {format} export of {model.name} differs from Keras by {difference:.2g}, expected at most {TOLERANCE:.0e}."
        )
    return difference


def _examples(shape, values):
    """Inputs of two batch sizes: a graph in which one batch size is fixed fails for the other."""
    rng = np.random.default_rng(0)
    if values == "uint8":
        return [rng.integers(0, 256, (n, *shape), np.uint8) for n in (3, 1)]
    return [rng.random((n, *shape), dtype=np.float32) for n in (3, 1)]


def _difference(got, expected):
    if got.shape != expected.shape:
        raise ExportError(f"the export has outputs of shape {got.shape}, expected {expected.shape} as in Keras.")
    return float(np.abs(got - expected).max() / max(1.0, float(np.abs(expected).max())))
