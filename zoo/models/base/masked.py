"""Models that predict the masked patches of an image from the visible ones."""

from keras import ops

from zoo.backbones.standardized import scales
from zoo.layers.corruptions.masking import masked_error
from zoo.models.base.autoencoder import Autoencoder
from zoo.models.base.reconstruction_term import AddsReconstructionTerm

# Value of masked patches in the images of `example`.
_GRAY = 0.5


class MaskedAutoencoder(AddsReconstructionTerm, Autoencoder):
    """Training and evaluation use random masks; all other methods are deterministic.

    `encode` uses the whole image. The model is trained to predict masked patches only, so `reconstruct`, `anomaly_score` and
    `anomaly_map` apply a few fixed masks, each patch being masked in some of them, and average the predictions of each patch.
    """

    # The error that is minimized, a function of the difference between what is predicted and the target.
    error_of = staticmethod(ops.square)

    def call(self, x, training=None):
        patches = self.encoder.backbone.patches(self.modality.to_input(x, self.compute_dtype))
        chosen = ops.cast(self.corruption(patches), self.compute_dtype)
        # The training flag is passed to each block explicitly: on JAX, nested layers do not receive it otherwise.
        found = self.found(patches, chosen, training)
        target = self.decoder.backbone.target(patches)
        self.bottleneck.add_term("reconstruction", masked_error(found, target, ops.sum(chosen, axis=1), self.error_of))
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

    def _error_map(self, x):
        return self.reconstruction_loss.error_map(self.modality.to_input(x, "float32"), self._predict_masked(x))

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
