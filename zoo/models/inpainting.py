"""Inpainting: missing regions of an image are filled from their surroundings (Pathak et al. 2016, arXiv:1604.07379).

min E loss(x, m ⊙ g(x̃) + (1 - m) ⊙ x̃), x̃ = (1 - m) ⊙ x, m ~ q(m)
"""

from keras import ops

from zoo.layers.corruptions.holes import holes, holes_of
from zoo.models.base.assemble import configuration
from zoo.models.base.restoring import restoring

BACKBONES = ("unet", "conv", "resnet")


def build(
    backbone="unet",
    input_shape=(32, 32, 3),
    kind="both",
    size=None,
    features=None,
    loss="mse",
    **backbone_options,
):
    """`reconstruct` fills the pixels that are exactly black in all channels, and returns all others unchanged.

    Args:
        backbone: "unet", "conv" or "resnet".
        input_shape: (height, width, channels).
        kind: holes to train on: "box", "free_form" (strokes of a brush) or "both".
        size: sides of a box, or width of the brush, as a fraction of the image's sides: a number, or a range (least, most) to
            sample the size of each image from; for "both", the size of the boxes. None means (0.25, 0.5) for boxes and
            (0.06, 0.2) for strokes.
        features: the depth of the backbone that the features are taken from; None means the code.
        loss: "mse", "mae", "huber" or "ms_ssim", over the whole image; pixels outside the holes have no error.
        **backbone_options: see `zoo.backbones`.
    """
    config = configuration(build, locals())
    corrupting = holes(kind, size)
    return restoring(backbone, input_shape, loss, backbone_options, config, fill, corruption=corrupting, features=features)


def fill(outputs, image):
    """The outputs where the image has holes, the image elsewhere."""
    return ops.where(holes_of(image), outputs, image)
