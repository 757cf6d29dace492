"""Encoders on ONNX Runtime."""

import functools

import numpy as np

from zoo.inference.graph_files import session
from zoo.inference.runtimes.graphs import graph
from zoo.inference.runtimes.int8 import int8_graph
from zoo.utils.devices import processors


class OnnxEngine:
    """See `zoo.inference.runtimes`.

    Each batch is computed by one thread, and as many batches at once as there are processors: no thread waits for another
    within a layer. In int8, `effect` is that of the quantization.
    """

    name = "onnxruntime"
    compiles = False

    def __init__(self, subject, dtype, values, calibration=None):
        if dtype == "int8":
            path, self.effect = int8_graph(subject, values, calibration())
        else:
            path = graph(subject, "onnx", values)
        self._run = _session(str(path))
        self.threads, self.batch_size = processors(), subject.images_together

    def run(self, x):
        return np.asarray(self._run(x), np.float32)


# Opening a graph takes longer than encoding a few thousand images. Its path contains the hash of the weights.
_session = functools.lru_cache(maxsize=8)(session)
