"""Encoders on OpenVINO."""

import functools
import threading

import numpy as np

from zoo.inference.graph_files import compiled
from zoo.inference.runtimes.graphs import graph
from zoo.utils.devices import processors


class OpenVINOEngine:
    """See `zoo.inference.runtimes`. As many streams as processors, and a request for every thread that asks."""

    name = "openvino"
    batch_size = 128

    def __init__(self, subject, dtype, values):
        self.threads = processors()
        self._model = _kept(str(graph(subject, "openvino", values)), dtype, self.threads)
        self._requests = threading.local()

    def run(self, x):
        if not hasattr(self._requests, "mine"):
            self._requests.mine = self._model.create_infer_request()
        # The outputs lie in memory of the request, which its next run overwrites.
        return np.array(self._requests.mine.infer([x], share_inputs=True)[0], np.float32)


# As in zoo.inference.runtimes.onnx: opening a graph takes long, and its path holds the weights' hash.
_kept = functools.lru_cache(maxsize=8)(compiled)
