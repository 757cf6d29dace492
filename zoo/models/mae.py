"""Masked autoencoder: hidden patches found from the few that are seen (He et al. 2022, arXiv:2111.06377).

min E_m mean_{i hidden} |x̄_i - g(f(x_seen))_i|², each patch x̄_i brought to mean 0 and deviation 1
"""

import numpy as np
from keras import ops

from zoo import backbones
from zoo.autoencoder import Autoencoder
from zoo.backbones.backbone import Pair
from zoo.backbones.masked import MaskedDecoder, MaskedEncoder, scales
from zoo.layers.code import TokenCode
from zoo.layers.masking import PatchMask, hidden_error
from zoo.layers.tokens import grid_of, patchify, unpatchify
from zoo.models._assemble import assemble, configuration
from zoo.models._charged import ChargesReconstruction
from zoo.tensors import to_unit

BACKBONES = ("vit",)
# Of hidden patches in pictures.
_GREY = 0.5


class MaskedAutoencoder(ChargesReconstruction, Autoencoder):
    """Trains and is evaluated on random masks; all else is without chance.

    `encode` sees the whole image. A masked autoencoder knows best what it has not seen: `reconstruct` and `anomaly_score` hide
    every patch in some of a few masks that are always the same, and average what is found for it.
    """

    def call(self, x, training=None):
        patches = patchify(to_unit(x, self.compute_dtype), self.encoder.backbone.net.patch_size)
        chosen = ops.cast(self.corruption(patches), self.compute_dtype)
        found = self.found(patches, chosen)
        mean, deviation = scales(patches)
        target = (ops.cast(patches, "float32") - mean) / deviation
        self.bottleneck.charge(hidden_error(found, target, ops.sum(chosen, axis=1)))
        # What a metric compares with the image.
        return ops.cast(self.decoder.backbone.scaled(ops.cast(found, "float32"), mean, deviation), self.compute_dtype)

    def found(self, patches, chosen):
        """What is found of all patches (N, P, numbers), in their own scale, where `chosen` (N, seen, P) shows some."""
        return self.decoder.backbone.found(self.encoder.backbone.seen(patches, chosen), chosen)

    def _reconstruct(self, x):
        return self.decoder.reconstruction_loss.to_image(self._guess(x))

    def _reconstruction_error(self, x):
        return self.reconstruction_loss.error(to_unit(x, "float32"), self._guess(x))

    def example(self, x):
        patches = patchify(x, self.encoder.backbone.net.patch_size)
        chosen = self.corruption(patches)
        seen = ops.expand_dims(ops.sum(chosen, axis=1), 2)
        mean, deviation = scales(patches)
        found = self.found(patches, chosen) * deviation + mean
        net = self.decoder.backbone.net
        pictures = [seen * patches + (1 - seen) * other for other in (_GREY, found)]
        return tuple(ops.clip(unpatchify(picture, net.shape, net.patch_size), 0.0, 1.0) for picture in pictures)

    def _guess(self, x):
        patches = patchify(to_unit(x, self.compute_dtype), self.encoder.backbone.net.patch_size)
        total, times = 0.0, 0.0
        for choice in self.corruption.complementary():
            chosen = ops.repeat(ops.cast(choice[None], self.compute_dtype), ops.shape(patches)[0], axis=0)
            hidden = (1 - choice.sum(axis=0))[:, None]
            total = total + ops.cast(self.found(patches, chosen), "float32") * hidden
            times = times + hidden
        return self.decoder.backbone.scaled(total / times, *scales(patches))


def build(backbone="vit", input_shape=(32, 32, 3), mask_ratio=0.75, features=None, **backbone_options):
    """Features are the means of the encoder's tokens over all patches.

    Args:
        backbone: "vit".
        input_shape: (height, width, channels), or (length, channels) of a series.
        mask_ratio: share of the patches that is hidden.
        features: a block of the encoder to take the features from; None is the last, normalized.
        **backbone_options: see `zoo.backbones.vit`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, **backbone_options)
    patches = int(np.prod(grid_of(tuple(input_shape), pair.encoder.patch_size)))
    masked = Pair(MaskedEncoder(pair.encoder), lambda code_shape, outputs: MaskedDecoder(pair.decoder(code_shape, outputs)))
    return assemble(
        backbone,
        input_shape,
        TokenCode(beside=2),
        "mse",
        backbone_options,
        config,
        corruption=PatchMask(mask_ratio, patches),
        pair=masked,
        features=features,
        model=MaskedAutoencoder,
    )
