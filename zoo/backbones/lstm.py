"""Long short-term memory (Hochreiter & Schmidhuber 1997), reading and writing sequences (Malhotra et al. 2016)."""

from keras import layers

from zoo.backbones.recurrent import recurrent


def lstm(input_shape, units=(64,), dropout=0.0, weight_decay=0.0):
    """Recurrent layers that read the series to its end; those of the decoder, in reverse order, read the code at each step.

    Args:
        input_shape: (length, channels) of a series, or (height, width, channels) of images, read row by row.
        units: units of each layer.
        dropout: fraction of the inputs of each layer dropped in training.
        weight_decay: L2 penalty on the kernels of the inputs, added to the loss.

    Raises:
        ZooError: if there is no layer.
    """
    return recurrent(layers.LSTM, input_shape, units, dropout, weight_decay)
