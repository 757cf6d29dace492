"""The formats of other tools, one a module.

Each has SUFFIX (of its file; empty for a folder), PACKAGES (what it needs beside Keras), `write(graph, path, names)`, which
writes a `keras.Model` of one input and one output, under the two `names` where the format keeps names, and `runner(path)`, the
function from an array to the array that the written model gives.
"""

from zoo.inference.export.formats import keras, litert, onnx, openvino, saved_model

FORMATS = {"onnx": onnx, "openvino": openvino, "saved_model": saved_model, "litert": litert, "keras": keras}
