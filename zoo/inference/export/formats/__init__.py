"""The formats of other tools, one module per format.

Each has SUFFIX (of its file; empty for a folder), PACKAGES (required besides Keras), `write(graph, path, names)`, which writes a
`keras.Model` with one input and one output, called by the two `names` in formats that have names, and `runner(path)`, which
returns the written model as a function from array to array.
"""

from zoo.inference.export.formats import keras, litert, onnx, openvino, saved_model

FORMATS = {"onnx": onnx, "openvino": openvino, "saved_model": saved_model, "litert": litert, "keras": keras}
