"""Patch dictionary: spherical k-means of whitened patches, thresholded and pooled (Coates & Ng 2011, ICML; 2012).

The atoms minimize Σ ||p̃ - d s||² with one coefficient s per patch p̃ (normalized, whitened) and ||d|| = 1. The code of a patch is
max(0, ±d·p̃ - α) for all atoms d; the decoder is the ridge regression of the patch on its code.
"""

from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.dictionary import PatchDictionary, PatchesToImage
from zoo.layers.bottlenecks.patch_code import PatchCode
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ("conv",)


def build(backbone="conv", input_shape=(32, 32, 3), atoms=1200, size=6, threshold=0.5, regions=2):
    """Features are the codes averaged over `regions` x `regions` parts of the image: 2 * `atoms` numbers each.

    All weights are learned by `Recipe(start="patches", epochs=0)`, by k-means of patches and a ridge regression, without gradient
    descent.

    Args:
        backbone: "conv": the dictionary is one convolution.
        input_shape: (height, width, channels), height and width at least `size`.
        atoms: number of dictionary atoms.
        size: height and width of a patch, in pixels.
        threshold: α, in standard deviations of the responses.
        regions: number of regions per side over which the code is averaged to features.
    """
    config = configuration(build, locals())
    if len(input_shape) != 3 or min(input_shape[:2]) < size or size < 1:
        raise ZooError(f"got images of shape {tuple(input_shape)} and size={size}, expected images of at least one patch.")
    pair = Pair(Backbone([PatchDictionary(atoms, size, threshold)]), lambda code, outputs: _decoder(size, outputs))
    return assemble(backbone, input_shape, PatchCode(regions), "mse", {}, config, pair=pair)


def _decoder(size, outputs):
    return Backbone([PatchesToImage(size, outputs)])
