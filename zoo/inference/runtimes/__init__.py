"""Engines that run an encoder over batches: Keras's own backends, ONNX Runtime and OpenVINO, behind one method.

An engine has `run(x)`, a thread-safe function from images (n, *input_shape) to float32 features (n, D), and the numbers of
`threads` and images per batch, `batch_size`, for which it is fastest; `compiles` says whether it compiles the encoder for each
number of images.
"""

import warnings

from zoo.errors import ZooError, ZooWarning, suggest
from zoo.utils.devices import has_gpu
from zoo.utils.distributions import missing_package
from zoo.utils.quiet import installed, keras_backend

# The runtimes of exported graphs, the faster one first as measured by benchmarks/encode.py, and the backends of Keras.
GRAPH_RUNTIMES = ("onnxruntime", "openvino")
KERAS_RUNTIMES = ("tensorflow", "jax", "torch")
RUNTIMES = ("auto", *GRAPH_RUNTIMES, *KERAS_RUNTIMES)
DTYPES = ("float32", "bfloat16", "int8")


def check(runtime, dtype):
    """Raise a `ZooError` if a runtime or precision is unknown or not installed, without loading it."""
    if runtime not in RUNTIMES:
        raise ZooError(f"got runtime={runtime!r}, expected one of {', '.join(RUNTIMES)}.{suggest(str(runtime), RUNTIMES)}")
    if dtype not in DTYPES:
        raise ZooError(f"got dtype={dtype!r}, expected one of {', '.join(DTYPES)}.{suggest(str(dtype), DTYPES)}")
    if runtime == "onnxruntime" and dtype == "bfloat16":
        raise ZooError("ONNX Runtime computes in float32 and int8; use runtime='openvino' for bfloat16.")
    if dtype == "int8" and runtime not in ("auto", "onnxruntime"):
        raise ZooError(f"got dtype='int8' for runtime={runtime!r}, expected 'onnxruntime' or 'auto'.")
    if dtype == "int8" and not installed("onnxruntime"):
        raise missing_package("dtype='int8'", "onnxruntime")
    if runtime in GRAPH_RUNTIMES and not installed(runtime):
        raise missing_package(f"runtime={runtime!r}", runtime)
    if runtime in KERAS_RUNTIMES and runtime != keras_backend():
        raise ZooError(
            f"got runtime={runtime!r}, but Keras runs on {keras_backend()}; set the environment variable KERAS_BACKEND={runtime}."
        )


def open_engine(subject, runtime="auto", dtype="float32", values="uint8", calibration=None):
    """The engine of an encoder.

    Args:
        subject: a `zoo.inference.runtimes.subject.Subject`.
        runtime: one of `RUNTIMES`; "auto" is Keras's backend on a machine with a GPU, else the fastest installed runtime.
        dtype: precision of the computation, one of `DTYPES`; features are always float32. With the runtime "auto", "int8" stands
            for float32 if int8 does not pay, see `zoo.inference.runtimes.int8`.
        values: dtype of the images, "uint8" or "float32".
        calibration: for "int8", a function that returns images (N, *data_shape) of dtype `values`.

    Raises:
        ZooError: if the runtime or precision is invalid, or the runtime cannot run the encoder.
    """
    check(runtime, dtype)
    if runtime != "auto":
        return _open(subject, runtime, dtype, values, calibration)
    chosen = automatic(dtype)
    if chosen not in GRAPH_RUNTIMES:
        return _open(subject, chosen, dtype, values)
    from zoo.inference.runtimes.graphs import GraphError

    try:
        engine = _open(subject, chosen, dtype, values, calibration)
    except GraphError as error:
        backend = keras_backend()
        warnings.warn(f"{subject.name} runs on {backend}, because {chosen} failed: {error}", ZooWarning, stacklevel=2)
        return _open(subject, backend, "float32" if dtype == "int8" else dtype, values)
    if dtype == "int8" and not engine.effect.pays:
        warnings.warn(f"{subject.name} runs in float32, because {engine.effect}.", ZooWarning, stacklevel=2)
        return _open(subject, chosen, "float32", values)
    return engine


def automatic(dtype="float32"):
    """The runtime that "auto" stands for on this machine."""
    # Graphs are exported through TensorFlow.
    if dtype == "int8":
        return "onnxruntime"
    if has_gpu() or not installed("tensorflow"):
        return keras_backend()
    usable = [name for name in GRAPH_RUNTIMES if installed(name) and (dtype == "float32" or name != "onnxruntime")]
    return usable[0] if usable else keras_backend()


def _open(subject, runtime, dtype, values, calibration=None):
    if runtime == "onnxruntime":
        from zoo.inference.runtimes.onnx import OnnxEngine

        return OnnxEngine(subject, dtype, values, calibration)
    if runtime == "openvino":
        from zoo.inference.runtimes.openvino import OpenVINOEngine as engine
    else:
        from zoo.inference.runtimes.keras import KerasEngine as engine
    return engine(subject, dtype, values)
