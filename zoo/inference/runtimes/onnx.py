"""Encoders on ONNX Runtime."""

import functools

import numpy as np

from zoo.inference.graph_files import session
from zoo.inference.runtimes.graphs import graph
from zoo.utils.devices import processors


class OnnxEngine:
    """See `zoo.inference.runtimes`.

    One thread a batch and as many batches as processors: no thread waits for another within a layer.
    """

    name = "onnxruntime"
    batch_size = 128

    def __init__(self, subject, dtype, values):
        self._run = _kept(str(graph(subject, "onnx", values)))
        self.threads = processors()

    def run(self, x):
        return np.asarray(self._run(x), np.float32)


# Opening a graph takes longer than a few thousand images do. Its path holds the weights' hash: another graph has another.
_kept = functools.lru_cache(maxsize=8)(session)
