"""Models with int8 weights, by Keras's own quantization."""

import warnings

import keras

from zoo.errors import ZooError
from zoo.utils.keras_internals import flatten_layers


def quantize(model):
    """Give the dense layers of an `Autoencoder` int8 weights, in place; returns it.

    Keras keeps a scale for each output of a layer, and rounds what goes into the layer to int8 as well, image by image. What
    has no int8 in Keras stays as it is: convolutions, normalizations, codebooks. The model encodes, decodes and exports to
    "onnx" and "saved_model"; it does not train, and it cannot be saved or copied: save the
    model before.

    Raises:
        ZooError: when the model has no dense layers, or is quantized already.
    """
    layers = [layer for part in (model.encoder, model.decoder) for layer in flatten_layers(part) if _dense(layer)]
    if not layers:
        raise ZooError(f"{model.name} has no dense layers, the only ones that Keras quantizes to int8.")
    if any(layer.quantization_mode for layer in layers):
        raise ZooError(f"{model.name} is quantized already.")
    with warnings.catch_warnings():
        # Of every other layer Keras says that it cannot.
        warnings.simplefilter("ignore")
        for layer in layers:
            layer.quantize("int8")
    return model


def _dense(layer):
    return type(layer) in (keras.layers.Dense, keras.layers.EinsumDense)
