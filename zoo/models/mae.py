"""Masked autoencoder: reconstructs masked patches from the visible ones (He et al. 2022, arXiv:2111.06377).

min E_m mean_{i masked} |x̄_i - g(f(x_visible))_i|², each patch x̄_i normalized to mean 0 and standard deviation 1
"""

import numpy as np
from keras import ops

from zoo import backbones
from zoo.backbones.masked import MaskedDecoder, MaskedEncoder, scales
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Pair
from zoo.layers.blocks.tokens import grid_of
from zoo.layers.bottlenecks.code import TokenCode
from zoo.layers.corruptions.masking import PatchMask, masked_error
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.autoencoder import Autoencoder
from zoo.models.base.reconstruction_term import AddsReconstructionTerm

BACKBONES = ("vit", "convnext", "hiera")
# Value of masked patches in the images of `example`.
_GRAY = 0.5


class MaskedAutoencoder(AddsReconstructionTerm, Autoencoder):
    """Training and evaluation use random masks; all other methods are deterministic.

    `encode` uses the whole image. The model is trained to predict masked patches only, so `reconstruct` and `anomaly_score` apply
    a few fixed masks, each patch being masked in some of them, and average the predictions of each patch.
    """

    def call(self, x, training=None):
        patches = self.encoder.backbone.patches(self.modality.to_input(x, self.compute_dtype))
        chosen = ops.cast(self.corruption(patches), self.compute_dtype)
        # The training flag is passed to each block explicitly: on JAX, nested layers do not receive it otherwise.
        found = self.found(patches, chosen, training)
        target = self.decoder.backbone.target(patches)
        self.bottleneck.add_term("reconstruction", masked_error(found, target, ops.sum(chosen, axis=1)))
        # For metrics, which compare with the image.
        image = self.decoder.backbone.scaled(ops.cast(found, "float32"), *scales(patches))
        return ops.cast(image, self.compute_dtype)

    def found(self, patches, chosen, training=None):
        """Predictions of all patches (N, P, numbers), given the visible patches `chosen` (N, seen, P), see `build`."""
        tokens = self.encoder.backbone.seen(patches, chosen, training)
        return self.decoder.backbone.found(tokens, chosen, training)

    def _reconstruct(self, x):
        raw = self.modality.to_raw(self.decoder.reconstruction_loss.to_image(self._predict_masked(x)))
        return self.modality.reversed(raw, x)

    def _reconstruction_error(self, x):
        return self.reconstruction_loss.error(self.modality.to_input(x, "float32"), self._predict_masked(x))

    def example(self, x):
        patches = self.encoder.backbone.patches(x)
        chosen = self.corruption(patches)
        seen = ops.expand_dims(ops.sum(chosen, axis=1), 2)
        found = self.decoder.backbone.as_patches(self.found(patches, chosen), *scales(patches))
        gray = self.encoder.backbone.patches(ops.full_like(x, _GRAY))
        pictures = [seen * patches + (1 - seen) * other for other in (gray, found)]
        return tuple(ops.clip(self.decoder.backbone.image(picture), 0.0, 1.0) for picture in pictures)

    def _predict_masked(self, x):
        patches = self.encoder.backbone.patches(self.modality.to_input(x, self.compute_dtype))
        total, times = 0.0, 0.0
        for choice in self.corruption.complementary():
            chosen = ops.repeat(ops.cast(choice[None], self.compute_dtype), ops.shape(patches)[0], axis=0)
            hidden = (1 - choice.sum(axis=0))[:, None]
            total = total + ops.cast(self.found(patches, chosen), "float32") * hidden
            times = times + hidden
        return self.decoder.backbone.scaled(total / times, *scales(patches))


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
    given = [numbers for numbers in (mean, deviation) if numbers is not None]
    if len(given) == 1 or any(not isinstance(n, (tuple, list)) or len(n) != input_shape[-1] for n in given):
        raise ZooError(f"got mean={mean} and deviation={deviation}, expected {input_shape[-1]} numbers each, or neither.")

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
