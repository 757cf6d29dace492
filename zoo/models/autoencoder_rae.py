"""Representation autoencoder: decodes the features of another, frozen encoder (Zheng et al. 2025, arXiv:2510.11690).

loss(x, x̂), the code (f(x) - mean) / deviation. As the encoder is another model's, the variant has no backbone of its own.
"""

from zoo.backbones.representation import RepresentationDecoder, RepresentationEncoder, ResizedEncoder
from zoo.backbones.standardized import check_moments
from zoo.backbones.vit import ViTDecoder
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone, Pair
from zoo.layers.blocks.transformer import TransformerBlock
from zoo.layers.bottlenecks.standardized_map import StandardizedMap, Unstandardized
from zoo.models.base.assemble import assemble, configuration

BACKBONES = ()

# The decoder's position embeddings are those of a grid of this side, whatever its own.
_POSITIONS = 16


def build(
    input_shape=(256, 256, 3),
    encoder_size=224,
    patch_size=14,
    width=768,
    depth=12,
    heads=12,
    mlp_ratio=4.0,
    epsilon=1e-6,
    registers=4,
    learned=True,
    trained_grid=(37, 37),
    decoder_width=1152,
    decoder_depth=28,
    decoder_heads=16,
    decoder_mlp_ratio=4096 / 1152,
    decoder_epsilon=1e-12,
    mean=None,
    deviation=None,
    scaling=1.0,
    by_place=True,
    loss="mae",
):
    """The code is feature maps; the features are their means. The defaults are those of DINOv2-B with a decoder ViT-XL.

    The encoder is not trained: its weights are to be loaded. The paper's loss also has a perceptual and an adversarial term,
    which are not part of this loss.

    Args:
        input_shape: (height, width, channels), square; height and width are multiples of the number of the encoder's patches
            along an axis.
        encoder_size: side of the images that the encoder takes; others are resized to it.
        patch_size, width, depth, heads, mlp_ratio, epsilon, registers, learned, trained_grid: see
            `zoo.backbones.representation`.
        decoder_width, decoder_depth, decoder_heads, decoder_mlp_ratio, decoder_epsilon: the same for the decoder.
        mean: one number per channel that the model subtracts from images in 0..1, or None.
        deviation: one number per channel that the model divides by; give both `mean` and `deviation`, or neither.
        scaling: factor by which the code is multiplied.
        by_place: whether the code has a mean and a deviation for each place and feature, or one of each for all.
        loss: name of the reconstruction loss, see `zoo.losses`.
    """
    config = configuration(build, locals())
    check_moments(mean, deviation, input_shape[-1])
    side = encoder_size // patch_size
    if encoder_size % patch_size or input_shape[0] != input_shape[1] or input_shape[0] % side:
        raise ZooError(
            f"got images of {input_shape[0]} x {input_shape[1]}, encoder_size={encoder_size} and patch_size={patch_size}, "
            f"expected square images, a multiple of {side} in size, and an encoder_size that is a multiple of patch_size."
        )
    encoder = RepresentationEncoder(patch_size, width, depth, heads, mlp_ratio, epsilon, registers, learned, trained_grid)

    def decoder(code_shape, outputs):
        blocks = [
            TransformerBlock(decoder_width, decoder_heads, decoder_mlp_ratio, epsilon=decoder_epsilon)
            for _ in range(decoder_depth)
        ]
        net = ViTDecoder(
            (*input_shape[:2], outputs),
            input_shape[0] // side,
            decoder_width,
            blocks,
            epsilon=decoder_epsilon,
            step=_POSITIONS / side,
        )
        return Backbone([Unstandardized(scaling, by_place), RepresentationDecoder(net, mean, deviation)])

    return assemble(
        "vit",
        input_shape,
        StandardizedMap(scaling, by_place),
        loss,
        {},
        config,
        pair=Pair(ResizedEncoder(encoder, mean, deviation, encoder_size), decoder),
    )
