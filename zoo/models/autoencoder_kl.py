"""Autoencoder of latent diffusion: a Gaussian at each position of a feature map (Rombach et al. 2022, arXiv:2112.10752).

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
from zoo.layers.bottlenecks.standardize import Standardize
from zoo.modalities.image import check_images
from zoo.modalities.tensors import to_unit
from zoo.models.base.assemble import assemble, configuration
from zoo.models.base.autoencoder import Autoencoder
from zoo.utils.batching import apply_in_batches

BACKBONES = ("ldm",)


class LatentDiffusionAutoencoder(Autoencoder):
    """An autoencoder for latent diffusion: `encode` returns the codes flattened, and `decode` takes codes."""

    def check_loss(self, loss):
        # Whether β is divided by the number of values depends on the kind of loss that the model was created with.
        if loss.is_likelihood != self.reconstruction_loss.is_likelihood:
            raise ZooError(
                f"got the loss {loss.name!r}, but β of {self.name} is set for {self.reconstruction_loss.name!r}; one of the "
                "two is a mean over the pixels, the other a sum. Give the loss to zoo.create(..., loss=...) instead."
            )

    def posterior(self, x, batch_size=8):
        """Mean and log variance (N, h, w, C), float32 numpy, of q(z|x) for images (N, *input_shape), before shift and scaling."""

        def moments(x):
            return ops.concatenate(self.bottleneck.posterior(self._maps(x)), axis=-1)

        found = apply_in_batches(self, moments, check_images(x, self.data_shape), batch_size)
        return found[..., : found.shape[-1] // 2], found[..., found.shape[-1] // 2 :]

    def sample_posterior(self, x, seed=0, batch_size=8):
        """One sample (N, h, w, C), float32 numpy, of the code from q(z|x) for images (N, *input_shape)."""
        mean, log_variance = self.posterior(x, batch_size)
        noise = np.random.default_rng(seed).standard_normal(mean.shape, dtype=np.float32)
        return ops.convert_to_numpy(self.bottleneck.scaled(mean + np.exp(0.5 * log_variance) * noise))

    def _maps(self, x):
        return self.encoder.backbone(to_unit(x, self.compute_dtype))


def build(
    backbone="ldm",
    input_shape=(256, 256, 3),
    latent_channels=4,
    projected=True,
    scaling=0.18215,
    shift=0.0,
    standardized=0,
    beta=1e-6,
    loss="mae",
    **backbone_options,
):
    """The features are the means of the scaled code, flattened. The defaults are those of Stable Diffusion 1 and 2.

    The paper's loss also has a perceptual and an adversarial term, which are not part of this loss.

    Args:
        backbone: "ldm".
        input_shape: (height, width, channels).
        latent_channels: C, number of feature maps of the code.
        projected: whether there are 1 x 1 convolutions before and after the code.
        scaling: factor by which codes have a standard deviation of about 1.
        shift: subtracted from codes before scaling.
        standardized: side of the squares of places whose values together are one place of the code, each with a mean and a
            variance of its own instead of `shift` and `scaling`, as for FLUX.2; 0 for none. Training does not change these.
        beta: β for a reconstruction loss summed over the values of an image, as in the paper; if `loss` is a mean over the
            values, the divergence is divided by their number.
        loss: name of the reconstruction loss, see `zoo.losses`.
        **backbone_options: see `zoo.backbones.ldm`.
    """
    config = configuration(build, locals())
    pair = backbones.build(backbone, input_shape, latent_channels=2 * latent_channels, **backbone_options)

    def decoder(code_shape, outputs):
        before = [layers.Conv2D(latent_channels, 1, data_format="channels_last")] if projected else [layers.Identity()]
        first = Standardize(standardized, inverse=True) if standardized else unscaled(scaling, shift)
        return Backbone([first, *before, pair.decoder(code_shape, outputs)])

    numbers = 1 if losses.get(loss).is_likelihood else math.prod(input_shape)
    return assemble(
        backbone,
        input_shape,
        GaussianMap(projected, scaling, shift, beta / numbers, Standardize(standardized) if standardized else None),
        loss,
        backbone_options,
        config,
        decoder=decoder,
        model=LatentDiffusionAutoencoder,
        pair=pair,
    )
