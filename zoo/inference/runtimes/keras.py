"""Encoders on the backend that Keras runs on."""

import numpy as np

from zoo.utils.devices import has_gpu


class KerasEngine:
    """See `zoo.inference.runtimes`. The backend processes each batch with several threads of its own."""

    threads = 1
    compiles = True

    def __init__(self, subject, dtype, values):
        encoder = subject.encoder(dtype)

        import keras

        from zoo.utils.batching import compiled

        self.name = keras.backend.backend()
        self.batch_size = (8 if has_gpu() else 2) * subject.images_together
        self._run = compiled(encoder, encoder.call)
        self._to_numpy = keras.ops.convert_to_numpy

    def run(self, x):
        return np.asarray(self._to_numpy(self._run(x)), np.float32)
