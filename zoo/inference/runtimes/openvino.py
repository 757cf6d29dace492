"""Encoders on OpenVINO."""

import functools
import threading

import numpy as np

from zoo.inference.graph_files import compiled
from zoo.inference.runtimes.graphs import graph
from zoo.utils.devices import processors


class OpenVINOEngine:
    """See `zoo.inference.runtimes`. There are as many streams as processors, and one inference request per thread."""

    name = "openvino"
    compiles = True

    def __init__(self, subject, dtype, values):
        self.threads, self.batch_size = processors(), subject.images_together
        self._model = _compiled(str(graph(subject, "openvino", values)), dtype, self.threads)
        self._of_thread = threading.local()

    def run(self, x):
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._model.create_infer_request()
        # A copy, because the outputs are in the memory of the request, which its next run overwrites.
        return np.array(self._of_thread.request.infer([x], share_inputs=True)[0], np.float32)


# As in zoo.inference.runtimes.onnx: opening a graph takes long, and its path contains the hash of the weights.
_compiled = functools.lru_cache(maxsize=8)(compiled)
