"""Images of any size through a fully convolutional model, in overlapping tiles.

An image is extended by reflection to multiples of the model's downsampling factor, and the result is cropped. Sides of up to 512
pixels (256 of an image to enlarge) are processed whole, longer ones in tiles of this length, which begin at multiples of the
factor. Tiles overlap by a quarter: the result is the same as that of the whole image if a pixel depends on no others than those
at a distance of 32 (16) pixels; otherwise it is blended, see `zoo.utils.tiles`.

Memory, besides the image and its copy with reflected edges: that of the model for one tile, and float32 values for a band of
tiles. A model is built and compiled for each size of tiles, so that images with equal sides, or sides longer than a tile, are
faster than images of many small sizes.
"""

import math

import numpy as np
from keras import layers

from zoo.errors import ZooError
from zoo.modalities.image import unit_array
from zoo.models import registry
from zoo.utils.batching import apply_in_batches, cached
from zoo.utils.keras_internals import flatten_layers
from zoo.utils.precision import computing_in
from zoo.utils.tiles import bands

_TILE = 512
# Of models that enlarge: their last layers are as large as the result.
_SMALL_TILE = 256
_OVERLAP = 0.25
# Models for other sizes that are kept, because building and compiling one takes seconds.
_KEPT = 8


def restored(model, image):
    """The reconstruction (H, W, C), float32 0..1, of an image of any size; see `restored_bands`."""
    return np.concatenate(list(restored_bands(model, image)))


def restored_bands(model, image, through=None, watch=None):
    """Yields the reconstruction of an image of any size from top to bottom, in bands (rows, W, C), float32 0..1.

    For super-resolution, the result has H * scale rows and W * scale columns.

    Args:
        model: an `Autoencoder` of images, without weights that depend on their size.
        image: (H, W, C), uint8 0..255 or floats; noise may exceed 0..1.
        through: function (restore, part) that gives the result of a part (h, w, C) of the image, float32, by `restore`, a
            function of arrays (h, w, channels of the model); by default `restore` itself.
        watch: function that is called after each tile with the number of tiles that are done and of all, or None.

    Raises:
        ZooError: if the model has weights that depend on the size of the images.
    """
    height, width = image.shape[:2]
    scale = model.data_shape[0] // model.degraded_shape[0]
    step = downsampling(model)
    longest = (_TILE if scale == 1 else _SMALL_TILE) // step
    # In units of a step.
    size = [-(-side // step) for side in (height, width)]
    tile = [min(longest, side) for side in size]
    made = at_size(model, (*(side * step * scale for side in tile), model.data_shape[-1]))
    whole = _reflected(image, [side * step for side in size])

    def restore(part):
        return apply_in_batches(made, made._reconstruct, part[None], 1)[0]

    def run(top, left):
        part = unit_array(whole[top * step : (top + tile[0]) * step, left * step : (left + tile[1]) * step])
        return through(restore, part) if through else restore(part)

    rest = height * scale
    for band in bands(run, size, tile, _OVERLAP, step * scale, watch):
        yield band[:rest, : width * scale]
        rest -= min(rest, len(band))
        if not rest:
            return


def downsampling(model):
    """A multiple of the factor by which the encoder reduces height and width: the product of the strides of its layers."""
    strided = (layer for layer in flatten_layers(model.encoder) if isinstance(layer, (layers.Conv2D, layers.AveragePooling2D)))
    return math.prod(max(layer.strides) for layer in strided)


def _reflected(image, size):
    """The image continued by its mirror image, below and to the right, to `size` (height, width)."""
    lacking = [(0, wanted - side) for wanted, side in zip(size, image.shape)]
    return np.pad(image, (*lacking, (0, 0)), mode="symmetric")


def at_size(model, shape):
    """The model for images (height, width, channels) of another size, with the weights that it has at the moment.

    Raises:
        ZooError: if the weights depend on the size of the images.
    """
    shape = tuple(shape)
    if shape == tuple(model.data_shape):
        return model
    known = cached(model, "other sizes", dict)
    made = known.pop(shape, None) or _built(model, shape)
    known[shape] = made
    while len(known) > _KEPT:
        known.pop(next(iter(known)))
    for own, other in zip(made.weights, model.weights):
        own.assign(other)
    return made


def _built(model, shape):
    with computing_in(model.dtype_policy):
        made = registry.build(registry.changed(model.config, input_shape=list(shape)))
    if [tuple(v.shape) for v in made.weights] != [tuple(v.shape) for v in model.weights]:
        raise ZooError(
            f"{model.name} has weights that depend on the size of the images, so that it restores images of "
            f"{' x '.join(map(str, model.data_shape))} only; got {' x '.join(map(str, shape))}."
        )
    return made
