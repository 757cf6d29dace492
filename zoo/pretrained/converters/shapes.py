"""The shape of the images that a converted model is built for."""

from zoo.errors import ZooError

_SIDE = 256


def image_shape(input_shape, channels, model):
    """(height, width, channels) of the images, 256 x 256 if `input_shape` is None.

    Raises:
        ZooError: if `input_shape` has another number of channels; `model` describes the model in the message.
    """
    input_shape = tuple(input_shape or (_SIDE, _SIDE, channels))
    if input_shape[-1] != channels:
        raise ZooError(f"got input_shape={input_shape} for {model}.")
    return input_shape
