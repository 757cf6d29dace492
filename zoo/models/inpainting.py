"""Inpainting: missing regions of an image are filled from their surroundings (Pathak et al. 2016, arXiv:1604.07379).

min E loss(x, m ⊙ g(x̃) + (1 - m) ⊙ x̃), x̃ = (1 - m) ⊙ x, m ~ q(m)
"""

import numpy as np
from keras import ops

from zoo.layers.corruptions.holes import HOLE, complementary_holes, holes, holes_of
from zoo.modalities.tensors import to_unit
from zoo.models.base.assemble import configuration
from zoo.models.base.restoring import RestoringAutoencoder, restoring

BACKBONES = ("unet", "conv", "resnet")
# Less than half a level of 8 bits: replaces black in images whose black pixels are not holes.
_NEARLY_BLACK = 1 / 1024


class Inpainting(RestoringAutoencoder):
    """`anomaly_map` makes holes in a few sets of squares, each pixel being in exactly one of them, and takes the error in the
    holes (Zavrtanik, Kristan & Skočaj 2021, "Reconstruction by inpainting for visual anomaly detection"). There, black pixels
    are pixels like others.
    """

    def _error_map(self, x):
        x = to_unit(x, "float32")
        known, total = ops.maximum(x, _NEARLY_BLACK), 0.0
        for mask in complementary_holes(self.data_shape[:2]):
            seen = ops.cast(ops.where(mask[..., None], HOLE, known), self.compute_dtype)
            outputs = ops.cast(self.decoder.outputs(self.code(seen), seen), "float32")
            total = total + mask.astype(np.float32) * self.reconstruction_loss.error_map(x, outputs)
        return total


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
    return restoring(
        backbone,
        input_shape,
        loss,
        backbone_options,
        config,
        fill,
        corruption=corrupting,
        features=features,
        model=Inpainting,
    )


def fill(outputs, image):
    """The outputs where the image has holes, the image elsewhere."""
    return ops.where(holes_of(image), outputs, image)
