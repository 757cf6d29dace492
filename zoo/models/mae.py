"""Masked autoencoder: reconstructs masked patches from the visible ones (He et al. 2022, arXiv:2111.06377).

min E_m mean_{i masked} |x̄_i - g(f(x_visible))_i|², each patch x̄_i normalized to mean 0 and standard deviation 1
"""

import numpy as np

from zoo import backbones
from zoo.backbones.masked import MaskedDecoder, MaskedEncoder
from zoo.backbones.standardized import check_moments
from zoo.layers.blocks.backbone import Pair
from zoo.layers.blocks.tokens import grid_of
from zoo.layers.bottlenecks.code import TokenCode
from zoo.layers.corruptions.masking import PatchMask
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.masked import MaskedAutoencoder

BACKBONES = ("vit", "convnext", "hiera")


def build(
    backbone="vit",
    input_shape=(32, 32, 3),
    mask_ratio=0.75,
    features=None,
    mean=None,
    deviation=None,
    normalized_targets=True,
    **backbone_options,
):
    """Features are the means of the encoder's tokens over all patches.

    Args:
        backbone: "vit", "convnext" or "hiera".
        input_shape: (height, width, channels), or (length, channels) of a series.
        mask_ratio: fraction of the patches that is masked.
        features: the block of the encoder that the features are taken from, averaged over each quarter of an image; None means
            the last block, normalized and averaged over all patches.
        mean: one number per channel that the model subtracts from images in 0..1, or None.
        deviation: one number per channel that the model divides by; give both `mean` and `deviation`, or neither.
        normalized_targets: whether the model predicts patches normalized to mean 0 and standard deviation 1, which gives better
            features, or their pixels, which gives better images.
        **backbone_options: see `zoo.backbones.vit`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, **backbone_options)
    patches = int(np.prod(grid_of(tuple(input_shape), pair.encoder.patch_size)))
    check_moments(mean, deviation, input_shape[-1])

    def decoder(code_shape, outputs):
        return MaskedDecoder(pair.decoder(code_shape, outputs), mean, deviation, normalized_targets)

    masked = Pair(MaskedEncoder(pair.encoder, mean, deviation), decoder)
    return assemble(
        backbone,
        input_shape,
        TokenCode(excluded=2),
        "mse",
        backbone_options,
        config,
        corruption=PatchMask(mask_ratio, patches),
        pair=masked,
        features=features,
        model=MaskedAutoencoder,
    )
