"""Keras's own format, which `keras.models.load_model` loads after `import zoo.inference.export.exporting`."""

import keras

SUFFIX = ".keras"
PACKAGES = ()


def write(graph, path, names):
    graph.save(path)


def runner(path):
    loaded = keras.models.load_model(path)
    return lambda x: keras.ops.convert_to_numpy(loaded(x))
