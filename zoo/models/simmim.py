"""SimMIM: predicts the pixels of masked squares by one linear layer (Xie et al. 2022, arXiv:2111.09886).

A learned token stands for the masked places at the input of the encoder.

min E_m mean_{i masked} |x_i - g(f(x with tokens at masked places))_i|, x standardized per channel
"""

from keras import ops

from zoo import backbones
from zoo.backbones.mask_token import MaskTokenDecoder, MaskTokenEncoder
from zoo.backbones.standardized import check_moments
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair
from zoo.layers.blocks.tokens import grid_of
from zoo.layers.bottlenecks.code import MapCode
from zoo.layers.corruptions.masking import PatchMask
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.masked import MaskedAutoencoder

BACKBONES = ("swin",)


class MaskedImageModel(MaskedAutoencoder):
    """As `MaskedAutoencoder`; the encoder takes tokens at the masked places instead of the visible patches only."""

    error_of = staticmethod(ops.abs)


def build(
    backbone="swin",
    input_shape=(192, 192, 3),
    mask_ratio=0.6,
    mask_size=32,
    features=None,
    mean=None,
    deviation=None,
    **backbone_options,
):
    """Features are the means of the encoder's last maps.

    Args:
        backbone: "swin".
        input_shape: (height, width, channels).
        mask_ratio: fraction of the squares that is masked.
        mask_size: side of the squares in pixels, a multiple of the backbone's patch size that divides height and width. It
            decides how far the network must look.
        features: the depth of the encoder that the features are taken from, averaged over a grid of 4 x 4 regions; None means the
            last maps, normalized and averaged over the image.
        mean: one number per channel that the model subtracts from images in 0..1, or None.
        deviation: one number per channel that the model divides by; give both `mean` and `deviation`, or neither.
        **backbone_options: see `zoo.backbones.swin`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, **backbone_options)
    check_moments(mean, deviation, input_shape[-1])
    patch = pair.encoder.patch_size
    if mask_size < 1 or mask_size % patch or any(side % mask_size for side in input_shape[:2]):
        raise ZooError(
            f"got mask_size={mask_size} for images of {input_shape[0]} x {input_shape[1]} and patch_size={patch}, expected a "
            "multiple of the patch size that divides both sides."
        )
    rows, columns = grid_of(tuple(input_shape), mask_size)

    def decoder(code_shape, outputs):
        net = pair.decoder(code_shape, outputs)
        return MaskTokenDecoder(net, mean, deviation, mask_size, (*input_shape[:2], outputs))

    return assemble(
        backbone,
        input_shape,
        MapCode(grid=1),
        "mae",
        backbone_options,
        config,
        corruption=PatchMask(mask_ratio, rows * columns),
        pair=Pair(MaskTokenEncoder(pair.encoder, mean, deviation, mask_size), decoder),
        features=features,
        model=MaskedImageModel,
    )
