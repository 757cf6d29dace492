"""Reconstruction losses: the meaning of the decoder's outputs, their comparison with the image, and their conversion to an image.

Distances (`mse`, `mae`, `bce`, `huber`, `ms_ssim`, `contrast_mse`) are the mean over the pixels of an image. Likelihoods
(`bernoulli`, `gaussian`, `logistic_mixture`) are -log p(x|z) in nats, summed over an image, the unit of a KL divergence.
`bce` and `bernoulli` require values in 0..1, also for vectors; use another loss for vectors outside this range.
"""

import inspect
import math
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError, suggest
from zoo.layers.blocks.contrast import local_contrast
from zoo.layers.math.fast import softplus
from zoo.modalities.tensors import assert_probabilities
from zoo.utils.numbers import check_positive, check_whole, plain


class ReconstructionLoss(keras.losses.Loss):
    """Base. `call(x, outputs)` -> (N,), one value per image; x in 0..1, `outputs` (N, ...) from the decoder.

    `is_likelihood` states whether the value is -log p(x|z) in nats, which a divergence in nats requires; `of_probabilities`
    whether vectors x must be in 0..1, too.
    """

    is_likelihood = False
    # Whether an image's value depends on the other images of its batch, so that sample weights are not supported.
    of_batch = False
    of_probabilities = False

    def __init__(self, name, **kwargs):
        super().__init__(name=name, reduction="sum_over_batch_size", **kwargs)

    def parameters(self, channels):
        """Number of decoder outputs per pixel, for images with the given number of channels."""
        return channels

    def to_image(self, outputs):
        """Images in 0..1 from decoder outputs (N, ...)."""
        return ops.clip(outputs, 0.0, 1.0) if len(outputs.shape) == 4 else outputs

    def draw_size(self, channels):
        """Number of uniform numbers per pixel that `draw` requires."""
        return 0

    def draw(self, outputs, uniform):
        """Images sampled from p(x|z), by numbers (N, H, W, draw_size) uniform in 0..1; for losses without density, the images."""
        return self.to_image(outputs)

    def error(self, x, outputs):
        """The loss (N,) of each image, independent of the other images in the batch."""
        return self.call(x, outputs)

    def error_map(self, x, outputs):
        """The squared error (N, H, W) of each pixel of the image of the outputs, mean over channels; x (N, H, W, C) in 0..1."""
        return ops.mean(ops.square(x - self.to_image(outputs)), axis=-1)

    def start(self, channels):
        """Initial decoder outputs of a pixel (parameters,), numpy float32: the biases of the last layer."""
        return np.zeros(self.parameters(channels), "float32")

    def shift(self, outputs, image):
        """`outputs` with the location shifted by `image`, a tensor of the image's shape; used by linear paths."""
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
        # In this order, because the other order requires another pass over the gradient to change its sign.
        return _mean(ops.square(outputs - x))


class MeanAbsoluteError(ReconstructionLoss):
    """Mean over pixels of |x - x̂|."""

    def __init__(self, name="mae", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _mean(ops.abs(x - outputs))


class Huber(ReconstructionLoss):
    """Mean over pixels of the Huber loss (Huber, 1964): quadratic up to an error of `delta`, linear beyond."""

    def __init__(self, delta=0.1, name="huber", **kwargs):
        check_positive(delta=delta)
        super().__init__(name, **kwargs)
        self.delta = delta

    def call(self, x, outputs):
        error = ops.abs(x - outputs)
        inner = ops.minimum(error, self.delta)
        return _mean(0.5 * ops.square(inner) + self.delta * (error - inner))


def _binary_crossentropy(x, logits):
    assert_probabilities(x)
    # softplus(l) - x l is -[x log σ(l) + (1-x) log(1-σ(l))] without the logarithm of a rounded probability.
    return softplus(logits) - x * logits


class BinaryCrossentropy(ReconstructionLoss):
    """Mean over pixels of the cross-entropy; the decoder's outputs are logits, the images their sigmoid."""

    of_probabilities = True

    def __init__(self, name="bce", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _mean(_binary_crossentropy(x, outputs))

    def to_image(self, outputs):
        return ops.sigmoid(outputs)


class Bernoulli(BinaryCrossentropy):
    """-log p(x|z) of independent binary pixels with the decoder's outputs as logits, in nats per image."""

    is_likelihood = True

    def __init__(self, name="bernoulli", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _sum(_binary_crossentropy(x, outputs))

    def draw_size(self, channels):
        return channels

    def draw(self, outputs, uniform):
        return ops.cast(uniform < self.to_image(outputs), uniform.dtype)


class Gaussian(ReconstructionLoss):
    """-log p(x|z) of independent Gaussian pixels with the decoder's outputs as means, in nats per image.

    Args:
        sigma: standard deviation, in units of the 0..1 range; None means the optimal value for each batch, its root mean
            squared error (Rybkin, Daniilidis & Levine 2021, "Simple and effective VAE training with calibrated decoders",
            arXiv:2006.13202).
    """

    is_likelihood = True

    def __init__(self, sigma=None, name="gaussian", **kwargs):
        if sigma is not None:
            check_positive(sigma=sigma)
        super().__init__(name, **kwargs)
        self.sigma = sigma

    @property
    def of_batch(self):
        return self.sigma is None

    def call(self, x, outputs):
        error = ops.square(x - outputs)
        if self.sigma is None:
            variance = ops.mean(error) + 1e-6
        else:
            variance = ops.convert_to_tensor(self.sigma**2, error.dtype)
        return _sum(0.5 * (error / variance + ops.log(2 * math.pi * variance)))

    def draw_size(self, channels):
        return 0 if self.sigma is None else channels

    def draw(self, outputs, uniform):
        if self.sigma is None:
            return self.to_image(outputs)
        return self.to_image(outputs + self.sigma * math.sqrt(2) * ops.erfinv(2 * uniform - 1))

    def error(self, x, outputs):
        """The loss (N,); without a fixed sigma the sum of squared errors, because the sigma of training depends on the batch."""
        return self.call(x, outputs) if self.sigma is not None else _sum(ops.square(x - outputs))


class MSSSIM(ReconstructionLoss):
    """1 - multi-scale structural similarity (Wang, Simoncelli & Bovik 2003).

    Small images use only those of the five scales that fit the window of 11 pixels, with weights rescaled to sum to one. If a
    side is shorter than 11 pixels, the window has its length.
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
            # Powers of negative similarities are not real; the authors' implementations clip them, too. The lower bound keeps the
            # gradient of the power finite.
            result = result * ops.power(ops.maximum(_mean(term), 1e-6), float(weight))
            # The strides are given explicitly, because Keras fails to infer them on JAX.
            x, outputs = (
                ops.average_pool(images, 2, strides=2, padding="same", data_format="channels_last") for images in (x, outputs)
            )
        return 1 - result


def _ssim_terms(x, y, size):
    channels = x.shape[-1]
    taps = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    kernel = ops.convert_to_tensor(np.tile(window[:, :, None, None], (1, 1, channels, 1)).astype("float32"))

    def blur(image):
        return ops.depthwise_conv(image, kernel, padding="valid", data_format="channels_last")

    mean_x, mean_y = blur(x), blur(y)
    variance = blur(x * x) + blur(y * y) - mean_x**2 - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance, (2 * covariance + c2) / (variance + c2)


class ContrastMSE(ReconstructionLoss):
    """Mean over pixels of (c(x) - outputs)², where c is the local contrast, see `zoo.layers.blocks.contrast.local_contrast`.

    Errors in smooth regions, which are most of a photograph's variance, have no larger weight than errors at edges. The outputs
    do not contain brightness; the image in 0..1 shows their contrast around mid-gray.
    """

    def __init__(self, name="contrast_mse", **kwargs):
        super().__init__(name, **kwargs)

    def call(self, x, outputs):
        return _mean(ops.square(local_contrast(x) - outputs))

    def error_map(self, x, outputs):
        # The outputs do not contain brightness, so that their image cannot be compared with x.
        return ops.mean(ops.square(local_contrast(x) - outputs), axis=-1)

    def to_image(self, outputs):
        # 0..1 covers three standard deviations in both directions.
        return ops.clip(0.5 + outputs / 6, 0.0, 1.0)


class DiscretizedLogisticMixture(ReconstructionLoss):
    """-log p(x|z) of 256-level pixels under a mixture of discretized logistics, in nats per image.

    As in PixelCNN++ (Salimans, Karpathy, Chen & Kingma 2017, arXiv:1701.05517), green's mean depends linearly on red, and
    blue's on red and green, with coefficients from the decoder. Here they multiply the deviations of red and green from their
    means: the family of distributions is the same, but the means are those of the image, and one coefficient fits all pixels.

    Outputs per pixel: `mixtures` logits, then for each mixture and channel a mean (in -1..1), a log scale and, for color, one
    coefficient per pair of channels.
    """

    is_likelihood = True
    _MIN_LOG_SCALE = -7.0
    # Beyond this value, the mass of a bin underflows in float32.
    _MAX_LOG_SCALE = 30.0

    def __init__(self, mixtures=5, name="logistic_mixture", **kwargs):
        check_whole(1, mixtures=mixtures)
        super().__init__(name, **kwargs)
        self.mixtures = mixtures

    def parameters(self, channels):
        if channels not in (1, 3):
            raise ZooError(f"the logistic mixture is defined for 1 or 3 channels, got {channels}; use 'gaussian'.")
        return self.mixtures * (1 + 2 * channels + channels * (channels - 1) // 2)

    def start(self, channels):
        # Residuals of photographs are small, and those of the colors are correlated. Starting from 0, Adam would need more than a
        # thousand steps to reach these values.
        rest = [1.5, 0.0, 1.5] if channels == 3 else []
        scales = np.repeat(np.linspace(-4.0, -2.0, self.mixtures), channels)
        return np.concatenate([np.zeros(self.mixtures * (1 + channels)), scales, np.tile(rest, self.mixtures)]).astype("float32")

    def _split(self, outputs):
        """(N, H, W, outputs) -> logits (K, N H W), means, log scales and coefficients, each a list of (K, N H W) by channel.

        Pixels are the last axis, contiguous in memory, because operations are slow with a short last axis (five mixtures or
        three channels).
        """
        k, channels = self.mixtures, 1 if outputs.shape[-1] == 3 * self.mixtures else 3
        rows = ops.transpose(ops.reshape(outputs, (-1, outputs.shape[-1])))
        logits, means, scales, rest = ops.split(rows, [k, k + k * channels, k + 2 * k * channels], axis=0)
        scales = ops.clip(scales, self._MIN_LOG_SCALE, self._MAX_LOG_SCALE)
        rest = _by_channel(ops.tanh(rest), 3) if channels == 3 else None
        return logits, _by_channel(means, channels), _by_channel(scales, channels), rest

    def call(self, x, outputs):
        count, channels = ops.shape(outputs)[0], x.shape[-1]
        logits, means, scales, coefficients = self._split(outputs)
        x = ops.split(ops.transpose(ops.reshape(x, (-1, channels))) * 2 - 1, channels, axis=0)
        centered = [value - mean for value, mean in zip(x, means)]
        if coefficients is not None:
            (red, green, blue), (a, b, c) = centered, coefficients
            centered = [red, green - a * red, blue - b * red - c * green]
        log_joint = logits
        for value, difference, scale in zip(x, centered, scales):
            log_joint = log_joint + _log_mass(value, difference, scale)
        log_likelihood = ops.logsumexp(log_joint, axis=0) - ops.logsumexp(logits, axis=0)
        return -_sum(ops.reshape(log_likelihood, (count, -1)))

    def to_image(self, outputs):
        logits, means, _, _ = self._split(outputs)
        weights = ops.softmax(logits, axis=0)
        image = ops.stack([ops.sum(weights * mean, axis=0) for mean in means], axis=-1)
        return ops.clip((ops.reshape(image, (-1, *outputs.shape[1:3], len(means))) + 1) / 2, 0.0, 1.0)

    def draw_size(self, channels):
        return 1 + channels

    def draw(self, outputs, uniform):
        logits, means, scales, coefficients = self._split(outputs)
        chance, *chances = ops.unstack(ops.transpose(ops.reshape(uniform, (-1, 1 + len(means)))), axis=0)
        passed = ops.cast(ops.cumsum(ops.softmax(logits, axis=0), axis=0)[:-1] < chance, logits.dtype)
        # 1 for the component whose interval of 0..1 contains the first number.
        ones = ops.ones_like(logits[:1])
        chosen = ops.concatenate([ones, passed], axis=0) - ops.concatenate([passed, 0 * ones], axis=0)
        centered, drawn = [], []
        for i, (mean, scale, u) in enumerate(zip(means, scales, chances)):
            pulls = [] if i == 0 else [coefficients[0]] if i == 1 else coefficients[1:]
            mean, scale, *pulls = (ops.sum(chosen * of_all, axis=0) for of_all in (mean, scale, *pulls))
            value = mean + sum(pull * before for pull, before in zip(pulls, centered))
            value = value + ops.exp(scale) * (ops.log(u) - ops.log1p(-u))
            drawn.append(ops.clip(ops.round(127.5 * (value + 1)), 0, 255) / 255)
            centered.append(2 * drawn[-1] - 1 - mean)
        return ops.reshape(ops.stack(drawn, axis=-1), (-1, *outputs.shape[1:3], len(means)))

    def shift(self, outputs, image):
        k, channels = self.mixtures, image.shape[-1]
        head, means, tail = ops.split(outputs, [k, k + k * channels], axis=-1)
        return ops.concatenate([head, means + ops.tile(2 * image - 1, (1, 1, 1, k)), tail], axis=-1)


def _by_channel(rows, channels):
    """(K C, P), channel by channel within each mixture, -> C arrays (K, P)."""
    return ops.unstack(ops.reshape(rows, (-1, channels, ops.shape(rows)[-1])), axis=1)


def _log_mass(value, difference, log_scale):
    """Log mass of a logistic, centered at `difference` from the value, in the value's bin of 2 / 255; -1 and 1 include the tails.

    With d = difference / scale and h half a bin in the same unit, the mass is σ(d+h) - σ(d-h) = σ(d+h) σ(h-d) (1 - exp(-2h)),
    in which d may be |d|; at -1 and 1 only one factor σ(h ± d) remains. Both cases need the same exponentials; they are
    distinguished before by products with 0 and 1, because selecting is slower.
    """
    inverse = ops.exp(-log_scale)
    d, h = difference * inverse, inverse / 255
    far, inward = ops.abs(d), h - d * value
    over = far - h
    end = ops.cast(ops.abs(value) > 0.999, d.dtype)
    first = ops.exp(-(far + h + end * (ops.abs(inward) - far - h)))
    second = (1 - end) * ops.exp(-ops.abs(over))
    inside = ops.log(-ops.expm1(-2 * h)) - ops.relu(over)
    return inside + end * (ops.minimum(inward, 0.0) - inside) - ops.log1p(first + second + first * second)


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

    A mapping, such as {"name": "gaussian", "sigma": 0.1}, gives the loss with these settings. A `ReconstructionLoss` is returned
    unchanged. Raises ZooError for other values.
    """
    if isinstance(name, ReconstructionLoss):
        return name
    if isinstance(name, Mapping):
        settings = dict(name)
        loss = get(settings.pop("name", None))
        known = _settings(loss)
        unknown = [key for key in settings if key not in known]
        if unknown:
            raise ZooError(f"the loss {loss.name!r} has no setting {unknown[0]!r}, expected {', '.join(known) or 'none'}.")
        return type(loss)(**settings)
    if not isinstance(name, str) or name not in _LOSSES:
        raise ZooError(f"got the loss {name!r}, expected one of {', '.join(_LOSSES)}.{suggest(name, _LOSSES)}")
    return _LOSSES[name]()


def spec(loss):
    """The JSON-serializable argument of `get` for this loss: its name, or a mapping if its settings are not the defaults."""
    own = {key: plain(getattr(loss, key)) for key, usual in _settings(loss).items() if getattr(loss, key) != usual}
    return {"name": loss.name, **own} if own else loss.name


def _settings(loss):
    """The settings of a loss's class, and their defaults."""
    taken = inspect.signature(type(loss)).parameters.values()
    return {p.name: p.default for p in taken if p.name != "name" and p.kind is not p.VAR_KEYWORD}
