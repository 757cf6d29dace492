"""Quantization of exported graphs to int8, for processors with instructions for it, and what it gives on this machine.

Weights are rounded to int8 with a scale for each output channel, and the values between the layers to uint8 with a scale for each
tensor, found on calibration images ("static" quantization; Jacob et al. 2018, arXiv:1712.05877). Features are float32.
"""

import hashlib
import time
from dataclasses import dataclass

import numpy as np

from zoo.inference.graph_files import session
from zoo.inference.runtimes.graphs import GraphError, cached, graph, graph_facts, record_of, versions
from zoo.utils.devices import processor
from zoo.utils.quiet import without_warnings
from zoo.utils.telemetry import import_onnxruntime

# Less gain than this, or a larger difference, and float32 is the better choice.
_LEAST_SPEEDUP, _LARGEST_DIFFERENCE = 1.2, 0.1
_ROUNDS = 3


@dataclass(frozen=True)
class Effect:
    """What the quantization of a graph changed, measured on the calibration images on one thread of this machine.

    Attributes:
        speedup: images per second in int8, divided by those in float32.
        difference: root mean square of the differences of the features, relative to that of their deviations from the mean.
    """

    speedup: float
    difference: float

    @property
    def pays(self):
        """Whether int8 is faster, and its features are nearly those of float32."""
        return self.speedup >= _LEAST_SPEEDUP and self.difference <= _LARGEST_DIFFERENCE

    def __str__(self):
        return f"int8 is {self.speedup:.2f} times as fast here and changes the features by {self.difference:.1%}"


def int8_graph(subject, values, images):
    """Path of the quantized ONNX graph of a `Subject`, made if it is not in the cache, and its `Effect`.

    Args:
        subject: the encoder.
        values: dtype of the images, "uint8" or "float32".
        images: calibration images (N, *data_shape) of this dtype.

    Raises:
        GraphError: if the graph cannot be exported or quantized.
    """
    exact = graph(subject, "onnx", values)
    facts = {
        **graph_facts(subject, "onnx", values),
        "precision": "int8, weights per channel, activations uint8, QDQ",
        "calibration": hashlib.sha256(np.ascontiguousarray(images)).hexdigest(),
        "quantized by": versions("onnxruntime", "onnx"),
        # The graph is the same everywhere, but not its effect.
        "processor": processor(),
    }
    folder = cached(subject, facts, lambda temporary: _quantize(exact, temporary, images, subject.images_together))
    return folder / "graph.onnx", Effect(**record_of(folder)["effect"])


def _quantize(exact, folder, images, together):
    batches = [images[start : start + together] for start in range(0, len(images), together)]
    path = folder / "graph.onnx"
    try:
        with without_warnings():
            _write(exact, path, batches)
        runs = {"float32": session(str(exact)), "int8": session(str(path))}
    except Exception as error:  # the quantizer raises many kinds of errors for graphs that it does not support
        raise GraphError(f"the graph cannot be quantized to int8: {' '.join(str(error).split())[:200]}") from error
    outputs = {name: np.concatenate([run(batch) for batch in batches]) for name, run in runs.items()}
    seconds = {name: [] for name in runs}
    # In alternation, and by the processor time of this thread, on which the sessions run: other processes shall not decide.
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            start = time.thread_time()
            run(batches[0])
            seconds[name].append(time.thread_time() - start)
    speedup = min(seconds["float32"]) / max(min(seconds["int8"]), 1e-9)
    return {"effect": {"speedup": speedup, "difference": _difference(outputs["int8"], outputs["float32"])}}


def _difference(got, expected):
    spread = np.sqrt(np.mean((expected - expected.mean(axis=0)) ** 2))
    return float(np.sqrt(np.mean((got - expected) ** 2)) / max(float(spread), 1e-12))


def _write(exact, path, batches):
    import_onnxruntime()
    from onnxruntime import quantization

    class Batches(quantization.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(batches)

        def get_next(self):
            batch = next(self.rest, None)
            return None if batch is None else {"images": batch}

    quantization.quantize_static(
        str(exact),
        str(path),
        Batches(),
        quant_format=quantization.QuantFormat.QDQ,
        # The instructions of processors multiply unsigned by signed bytes.
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
    )
