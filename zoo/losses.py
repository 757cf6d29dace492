"""Reconstruction losses: what the decoder's outputs mean, how they are compared with the image, and how they become one.

Distances (`mse`, `mae`, `bce`, `huber`, `ms_ssim`, `contrast_mse`) are the mean over the pixels of an image. Likelihoods
(`bernoulli`,
`gaussian`, `logistic_mixture`) are -log p(x|z) in nats, summed over an image, the unit of a KL divergence.
"""

import math

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError, suggest
from zoo.layers.contrast import local_contrast


class ReconstructionLoss(keras.losses.Loss):
    """Base. `call(x, outputs)` -> (N,), one value an image; x in 0..1, `outputs` (N, ...) as the decoder gives them.

    `is_likelihood` says whether the value is -log p(x|z) in nats.
    """

    is_likelihood = False

    def __init__(self, name, **kwargs):
        super().__init__(name=name, reduction="sum_over_batch_size", **kwargs)

    def parameters(self, channels):
        """Number of decoder outputs a pixel, for an image of so many channels."""
        return channels

    def to_image(self, outputs):
        """Images in 0..1 from decoder outputs (N, ...)."""
        return ops.clip(outputs, 0.0, 1.0) if len(outputs.shape) == 4 else outputs

    def error(self, x, outputs):
        """The loss (N,) of every image, as it is whatever other images are in the batch."""
        return self.call(x, outputs)

    def shift(self, outputs, image):
        """`outputs` with their location moved by an `image`-shaped tensor: how a linear path joins the decoder."""
        return outputs + image


def _mean(values):
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=-1)


def _sum(values):
    return ops.sum(ops.reshape(values, (ops.shape(values)[0], -1)), axis=-1)


class MeanSquaredError(ReconstructionLoss):
    """Mean over pixels of (x - x̂)²."""

    def __init__(self, name="mse", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _mean(ops.square(x - outputs))


class MeanAbsoluteError(ReconstructionLoss):
    """Mean over pixels of |x - x̂|."""

    def __init__(self, name="mae", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _mean(ops.abs(x - outputs))


class Huber(ReconstructionLoss):
    """Mean over pixels of the Huber loss (Huber, 1964): quadratic up to an error of `delta`, linear beyond."""

    def __init__(self, delta=0.1, name="huber", **kwargs):
        super().__init__(name, **kwargs)
        self.delta = delta

    def call(self, x, outputs):
        error = ops.abs(x - outputs)
        inner = ops.minimum(error, self.delta)
        return _mean(0.5 * ops.square(inner) + self.delta * (error - inner))


def _binary_crossentropy(x, logits):
    # softplus(l) - x l is -[x log σ(l) + (1-x) log(1-σ(l))] without ever taking the log of a rounded-off probability.
    return ops.softplus(logits) - x * logits


class BinaryCrossentropy(ReconstructionLoss):
    """Mean over pixels of the cross-entropy; the decoder's outputs are logits, the images their sigmoid."""

    def __init__(self, name="bce", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _mean(_binary_crossentropy(x, outputs))

    def to_image(self, outputs):
        return ops.sigmoid(outputs)


class Bernoulli(BinaryCrossentropy):
    """-log p(x|z) of independent binary pixels with the decoder's outputs as logits, in nats an image."""

    is_likelihood = True

    def __init__(self, name="bernoulli", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _sum(_binary_crossentropy(x, outputs))


class Gaussian(ReconstructionLoss):
    """-log p(x|z) of independent Gaussian pixels with the decoder's outputs as means, in nats an image.

    Args:
        sigma: standard deviation, in units of the 0..1 range; None takes the batch's own best one, its root mean squared
            error (Rybkin, Daniilidis & Levine 2021, "Simple and effective VAE training with calibrated decoders",
            arXiv:2006.13202).
    """

    is_likelihood = True

    def __init__(self, sigma=None, name="gaussian", **kwargs):
        super().__init__(name, **kwargs)
        self.sigma = sigma

    def call(self, x, outputs):
        error = ops.square(x - outputs)
        if self.sigma is None:
            variance = ops.mean(error) + 1e-6
        else:
            variance = ops.convert_to_tensor(self.sigma**2, error.dtype)
        return _sum(0.5 * (error / variance + ops.log(2 * math.pi * variance)))

    def error(self, x, outputs):
        """Without a sigma of its own the sum of squares: the one that it takes in training is the batch's."""
        return self.call(x, outputs) if self.sigma is not None else _sum(ops.square(x - outputs))


class MSSSIM(ReconstructionLoss):
    """1 - multi-scale structural similarity (Wang, Simoncelli & Bovik 2003).

    Small images take as many of the five scales as fit the window of 11 pixels, their weights rescaled to sum to one;
    images of a side under 11 take a window as large as the side.
    """

    _WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

    def __init__(self, name="ms_ssim", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        if len(x.shape) != 4:
            raise ZooError(f"ms_ssim compares images, got inputs of shape {tuple(x.shape)}; use 'mse' for vectors.")
        size = min(11, *x.shape[1:3])
        scales = 1
        while scales < 5 and min(x.shape[1:3]) // 2**scales >= size:
            scales += 1
        weights = np.array(self._WEIGHTS[:scales]) / sum(self._WEIGHTS[:scales])
        result = 1.0
        for scale, weight in enumerate(weights):
            luminance, contrast = _ssim_terms(x, outputs, size)
            term = luminance * contrast if scale == scales - 1 else contrast
            # Negative similarities have no real power; the authors' implementations clip them, too. The floor keeps the
            # power's gradient finite.
            result = result * ops.power(ops.maximum(_mean(term), 1e-6), float(weight))
            # The strides are said because Keras fails to work them out on JAX.
            x, outputs = (ops.average_pool(images, 2, strides=2, padding="same") for images in (x, outputs))
        return 1 - result


def _ssim_terms(x, y, size):
    channels = x.shape[-1]
    taps = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    kernel = ops.convert_to_tensor(np.tile(window[:, :, None, None], (1, 1, channels, 1)).astype("float32"))

    def blur(image):
        return ops.depthwise_conv(image, kernel, padding="valid")

    mean_x, mean_y = blur(x), blur(y)
    variance = blur(x * x) + blur(y * y) - mean_x**2 - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance, (2 * covariance + c2) / (variance + c2)


class ContrastMSE(ReconstructionLoss):
    """Mean over pixels of (c(x) - outputs)², where c is the local contrast: see `zoo.layers.contrast.local_contrast`.

    Errors in smooth shades, most of a photograph's variance, count no more than those at edges. The image in 0..1 is the
    outputs' contrast around a middle grey, as brightness is not in them.
    """

    def __init__(self, name="contrast_mse", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        if len(x.shape) != 4:
            raise ZooError(f"contrast_mse compares images, got inputs of shape {tuple(x.shape)}; use 'mse' for vectors.")
        return _mean(ops.square(local_contrast(x) - outputs))

    def to_image(self, outputs):
        # Three deviations either way fit.
        return ops.clip(0.5 + outputs / 6, 0.0, 1.0)


class DiscretizedLogisticMixture(ReconstructionLoss):
    """-log p(x|z) of 256-level pixels under a mixture of discretized logistics, in nats an image.

    As in PixelCNN++ (Salimans, Karpathy, Chen & Kingma 2017, arXiv:1701.05517), green's mean depends linearly on red, and
    blue's on red and green, with coefficients that the decoder gives. Here they act on how far red and green lie from their
    own means: the same family, but the means are those of the image, and one coefficient fits all pixels.

    Outputs a pixel: `mixtures` logits, then for every mixture and channel a mean (in -1..1), a log scale and, for colour, a
    coefficient a pair of channels.
    """

    is_likelihood = True
    _MIN_LOG_SCALE = -7.0
    # Beyond this the mass of a bin is lost in float32, and its logarithm with it.
    _MAX_LOG_SCALE = 30.0

    def __init__(self, mixtures=5, name="logistic_mixture", **kwargs):
        super().__init__(name, **kwargs)
        self.mixtures = mixtures

    def parameters(self, channels):
        if channels not in (1, 3):
            raise ZooError(f"the logistic mixture is defined for 1 or 3 channels, got {channels}; use 'gaussian'.")
        return self.mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)

    def _split(self, outputs):
        """-> logits (N, H, W, K), means, log scales (N, H, W, K, C), coefficients (N, H, W, K, C (C-1) / 2)."""
        k = self.mixtures
        channels = 1 if outputs.shape[-1] == 3 * k else 3
        shape = (ops.shape(outputs)[0], *outputs.shape[1:3])
        logits, means, scales, rest = ops.split(outputs, [k, k + k * channels, k + 2 * k * channels], axis=-1)
        means = ops.reshape(means, (*shape, k, channels))
        scales = ops.clip(ops.reshape(scales, (*shape, k, channels)), self._MIN_LOG_SCALE, self._MAX_LOG_SCALE)
        rest = ops.tanh(ops.reshape(rest, (*shape, k, 3))) if channels == 3 else None
        return logits, means, scales, rest

    def call(self, x, outputs):
        logits, means, scales, coefficients = self._split(outputs)
        x = ops.expand_dims(x * 2 - 1, 3)
        if coefficients is not None:
            red, green = x[..., :1] - means[..., :1], x[..., 1:2] - means[..., 1:2]
            a, b, c = coefficients[..., :1], coefficients[..., 1:2], coefficients[..., 2:]
            means = means + ops.concatenate([ops.zeros_like(a), a * red, b * red + c * green], axis=-1)
        centred = x - means
        inverse = ops.exp(-scales)
        upper, lower = inverse * (centred + 1 / 255), inverse * (centred - 1 / 255)
        # Mass of the bin, σ(upper) - σ(lower), in logarithms: = σ(upper) σ(-lower) (1 - exp(lower - upper)).
        inside = ops.log_sigmoid(upper) + ops.log_sigmoid(-lower) + _log1mexp(2 / 255 * inverse)
        at_black, at_white = x < -0.999, x > 0.999
        log_mass = ops.where(at_black, ops.log_sigmoid(upper), ops.where(at_white, ops.log_sigmoid(-lower), inside))
        log_mass = ops.sum(log_mass, axis=-1) + ops.log_softmax(logits, axis=-1)
        return -_sum(ops.logsumexp(log_mass, axis=-1))

    def to_image(self, outputs):
        logits, means, _, _ = self._split(outputs)
        weights = ops.expand_dims(ops.softmax(logits, axis=-1), -1)
        return ops.clip((ops.sum(weights * means, axis=3) + 1) / 2, 0.0, 1.0)

    def shift(self, outputs, image):
        k, channels = self.mixtures, image.shape[-1]
        head, means, tail = ops.split(outputs, [k, k + k * channels], axis=-1)
        return ops.concatenate([head, means + ops.tile(2 * image - 1, (1, 1, 1, k)), tail], axis=-1)


def _log1mexp(x):
    """log(1 - exp(-x)) for x > 0, exact at both ends; each branch sees only the x it is good for, so that no NaN is born."""
    small = ops.minimum(x, 0.7)
    large = ops.maximum(x, 0.7)
    return ops.where(x < 0.7, ops.log(-ops.expm1(-small)), ops.log1p(-ops.exp(-large)))


_LOSSES = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
    "huber": Huber,
    "ms_ssim": MSSSIM,
    "contrast_mse": ContrastMSE,
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "logistic_mixture": DiscretizedLogisticMixture,
}


def get(name):
    """The loss of a name ("mse", "mae", "bce", "huber", "ms_ssim", "contrast_mse", "bernoulli", "gaussian", "logistic_mixture").

    A `ReconstructionLoss` comes back as it is; anything else is a `ZooError`.
    """
    if isinstance(name, ReconstructionLoss):
        return name
    if not isinstance(name, str) or name not in _LOSSES:
        raise ZooError(f"got the loss {name!r}, expected one of {', '.join(_LOSSES)}.{suggest(name, _LOSSES)}")
    return _LOSSES[name]()
