"""Quantization of models to int8 weights with Keras."""

import warnings

import keras

from zoo.errors import ZooError
from zoo.utils.keras_internals import flatten_layers


def quantize(model):
    """Quantize the weights of the dense layers of an `Autoencoder` to int8, in place; returns the model.

    Keras uses one scale per output of a layer, and rounds the inputs of the layer to int8 as well, for each image separately.
    Convolutions, normalizations and codebooks are not quantized. A quantized model encodes, decodes and exports to "onnx" and
    "saved_model"; it cannot be trained, saved or copied, so save it before.

    Raises:
        ZooError: if the model has no dense layers, or is quantized already.
    """
    layers = [layer for part in (model.encoder, model.decoder) for layer in flatten_layers(part) if _dense(layer)]
    if not layers:
        raise ZooError(f"{model.name} has no dense layers, the only ones that Keras quantizes to int8.")
    if any(layer.quantization_mode for layer in layers):
        raise ZooError(f"{model.name} is quantized already.")
    with warnings.catch_warnings():
        # Keras warns about every layer that it cannot quantize.
        warnings.simplefilter("ignore")
        for layer in layers:
            layer.quantize("int8")
    return model


def _dense(layer):
    return type(layer) in (keras.layers.Dense, keras.layers.EinsumDense)
