"""Engines that run an encoder over batches: Keras's own backends, ONNX Runtime and OpenVINO, behind one method.

An engine has `run(x)`, from images (n, *input_shape) to features (n, D) float32, which threads may call side by side, the
number of `threads` that makes it fastest, and the `batch_size` that does.
"""

import warnings

from zoo.errors import ZooError, suggest
from zoo.utils.devices import has_gpu
from zoo.utils.quiet import installed, keras_backend

# What runs exported graphs, the faster first as measured by benchmarks/encode.py; then what Keras itself runs on.
GRAPH_RUNTIMES = ("onnxruntime", "openvino")
KERAS_RUNTIMES = ("tensorflow", "jax", "torch")
RUNTIMES = ("auto", *GRAPH_RUNTIMES, *KERAS_RUNTIMES)
DTYPES = ("float32", "bfloat16")


def check(runtime, dtype):
    """Stop, with a `ZooError`, at a runtime or precision that there is none of: before anything is loaded for it."""
    if runtime not in RUNTIMES:
        raise ZooError(f"got runtime={runtime!r}, expected one of {', '.join(RUNTIMES)}.{suggest(str(runtime), RUNTIMES)}")
    if dtype not in DTYPES:
        raise ZooError(f"got dtype={dtype!r}, expected one of {', '.join(DTYPES)}.{suggest(str(dtype), DTYPES)}")
    if runtime == "onnxruntime" and dtype != "float32":
        raise ZooError("ONNX Runtime computes in float32 on a processor; take runtime='openvino' for bfloat16.")
    if runtime in GRAPH_RUNTIMES and not installed(runtime):
        extra = {"onnxruntime": "onnx"}.get(runtime, runtime)
        raise ZooError(f"{runtime} is not installed: pip install 'autoencoder-zoo[{extra}]'")
    if runtime in KERAS_RUNTIMES and runtime != keras_backend():
        raise ZooError(
            f"got runtime={runtime!r}, but Keras runs on {keras_backend()}; set the environment variable KERAS_BACKEND={runtime}."
        )


def open_engine(subject, runtime="auto", dtype="float32", values="uint8"):
    """The engine of a `zoo.inference.runtimes.subject.Subject`.

    Args:
        subject: what to run.
        runtime: one of `RUNTIMES`; "auto" is Keras's backend on a machine with a GPU, else the fastest that is installed.
        dtype: precision to compute in, "float32" or "bfloat16"; features are float32 from either.
        values: dtype of the images that will come, "uint8" or "float32".
    """
    check(runtime, dtype)
    if runtime != "auto":
        return _open(subject, runtime, dtype, values)
    chosen = automatic(dtype)
    if chosen not in GRAPH_RUNTIMES:
        return _open(subject, chosen, dtype, values)
    from zoo.inference.runtimes.graphs import GraphError

    try:
        return _open(subject, chosen, dtype, values)
    except GraphError as error:
        warnings.warn(f"{subject.name} runs on {keras_backend()}: {error}", stacklevel=2)
        return _open(subject, keras_backend(), dtype, values)


def automatic(dtype="float32"):
    """The runtime that "auto" stands for on this machine."""
    # Graphs are exported by way of TensorFlow; without it the backend that is there computes.
    if has_gpu() or not installed("tensorflow"):
        return keras_backend()
    able = [name for name in GRAPH_RUNTIMES if installed(name) and (dtype == "float32" or name != "onnxruntime")]
    return able[0] if able else keras_backend()


def _open(subject, runtime, dtype, values):
    if runtime == "onnxruntime":
        from zoo.inference.runtimes.onnx import OnnxEngine as engine
    elif runtime == "openvino":
        from zoo.inference.runtimes.openvino import OpenVINOEngine as engine
    else:
        from zoo.inference.runtimes.keras import KerasEngine as engine
    return engine(subject, dtype, values)
