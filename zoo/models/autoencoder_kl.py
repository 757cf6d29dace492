"""Autoencoder of latent diffusion: a Gaussian at every place of a feature map (Rombach et al. 2022, arXiv:2112.10752).

Σ loss(x, x̂) + β KL(q(z|x) || N(0, I)), the code (z - shift) * scaling
"""

import math

import numpy as np
from keras import layers, ops

from zoo import backbones, losses
from zoo.errors import ZooError
from zoo.layers.blocks.backbone import Backbone
from zoo.layers.bottlenecks.gaussian_map import GaussianMap
from zoo.layers.bottlenecks.latent_map import unscaled
from zoo.modalities.image import check_images
from zoo.modalities.tensors import to_unit
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.autoencoder import Autoencoder
from zoo.utils.batching import apply_in_batches

BACKBONES = ("ldm",)


class LatentDiffusionAutoencoder(Autoencoder):
    """Its codes are what diffusion models are trained on: `encode` gives them flattened, `decode` reads them."""

    def check_loss(self, loss):
        # β was divided, or not, for the kind of loss that the model was made with.
        if loss.is_likelihood != self.reconstruction_loss.is_likelihood:
            raise ZooError(
                f"got the loss {loss.name!r}, but β of {self.name} is made for {self.reconstruction_loss.name!r}, of which one "
                "is a mean over the pixels and the other a sum; give it to zoo.create(..., loss=...) instead."
            )

    def posterior(self, x, batch_size=8):
        """Mean and log variance (N, h, w, C), float32 numpy, of q(z|x) of images (N, *input_shape), before shift and scaling."""

        def moments(x):
            return ops.concatenate(self.bottleneck.posterior(self._maps(x)), axis=-1)

        found = apply_in_batches(self, moments, check_images(x, self.data_shape), batch_size)
        return found[..., : found.shape[-1] // 2], found[..., found.shape[-1] // 2 :]

    def sample_posterior(self, x, seed=0, batch_size=8):
        """One draw (N, h, w, C), float32 numpy, of the code from q(z|x) of images (N, *input_shape)."""
        mean, log_variance = self.posterior(x, batch_size)
        noise = np.random.default_rng(seed).standard_normal(mean.shape, dtype=np.float32)
        return self.bottleneck.scaled(mean + np.exp(0.5 * log_variance) * noise)

    def _maps(self, x):
        return self.encoder.backbone(to_unit(x, self.compute_dtype))


def build(
    backbone="ldm",
    input_shape=(256, 256, 3),
    latent_channels=4,
    projected=True,
    scaling=0.18215,
    shift=0.0,
    beta=1e-6,
    loss="mae",
    **backbone_options,
):
    """The features are the means of the scaled code, flattened. The defaults are those of Stable Diffusion 1 and 2.

    The paper's loss has a perceptual and an adversarial term besides, by nets that judge images; this one has not.

    Args:
        backbone: "ldm".
        input_shape: (height, width, channels).
        latent_channels: C, numbers a place of the code.
        projected: whether 1 x 1 convolutions stand around the code.
        scaling: factor that brings codes to a deviation of about 1.
        shift: taken from codes before.
        beta: β beside a reconstruction summed over the numbers of an image, as in the paper; where `loss` is their mean, the
            divergence is divided by their count.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones.ldm`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, latent_channels=2 * latent_channels, **backbone_options)

    def decoder(code_shape, outputs):
        before = [layers.Conv2D(latent_channels, 1, data_format="channels_last")] if projected else [layers.Identity()]
        return Backbone([unscaled(scaling, shift), *before, pair.decoder(code_shape, outputs)])

    numbers = 1 if losses.get(loss).is_likelihood else math.prod(input_shape)
    return assemble(
        backbone,
        input_shape,
        GaussianMap(projected, scaling, shift, beta / numbers),
        loss,
        backbone_options,
        config,
        decoder=decoder,
        model=LatentDiffusionAutoencoder,
        pair=pair,
    )
