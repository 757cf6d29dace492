"""Reconstruction errors: squared error, PSNR and structural similarity."""

import numpy as np

from zoo.errors import ZooError
from zoo.losses import ReconstructionLoss
from zoo.modalities.image import check_images, is_image_shape, unit_array
from zoo.utils.batching import apply_in_batches

_BLOCK = 512
_WINDOW = 11
# The PSNR of an exact reconstruction would be infinite; this error is far below the resolution of 8 bits.
_SMALLEST_MSE = 1e-10


def reconstruction_metrics(model, images):
    """Mean errors of `model.reconstruct(images)`, clipped to 0..1, pixels in 0..1.

    Args:
        model: an `Autoencoder`.
        images: (N, *input_shape), uint8 or floats 0..1.

    Returns:
        A mapping of floats, summed in float64: `mse`, over all pixels; `sse`, the squared error summed over an image, mean
        over images; `psnr`, in dB with a peak of 1, mean over images; and, if both sides have at least 11 pixels, `ssim`,
        mean over images.
    """
    with_ssim = is_image_shape(model.data_shape) and min(model.data_shape[:2]) >= _WINDOW
    sse, similarity = [], []
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        x, made = unit_array(block, np.float64), model.reconstruct(block).astype(np.float64)
        sse.append(np.square(x - made).reshape(len(x), -1).sum(axis=1))
        if with_ssim:
            similarity.append(ssim(x, made))
    sse = np.concatenate(sse)
    mse = sse / np.prod(model.data_shape)
    metrics = {
        "mse": float(mse.mean()),
        "sse": float(sse.mean()),
        "psnr": float(psnr(mse).mean()),
    }
    if similarity:
        metrics["ssim"] = float(np.concatenate(similarity).mean())
    return metrics


def psnr(mse):
    """Peak signal-to-noise ratio in dB, peak 1, of mean squared errors of images in 0..1."""
    return -10 * np.log10(np.maximum(mse, _SMALLEST_MSE))


def unclipped_mse(model, images):
    """Mean squared error, over pixels in 0..1, of the decoder's outputs before they are clipped to 0..1, summed in float64.

    A linear autoencoder minimizes this error, and PCA is the optimum. It is defined for losses whose images are the clipped
    outputs (such as "mse", "mae" and "huber"). Raises ZooError if the outputs are logits or parameters of a mixture.

    Args:
        model: an `Autoencoder`.
        images: (N, *input_shape), uint8 or floats 0..1.
    """
    loss = model.reconstruction_loss
    if type(loss).to_image is not ReconstructionLoss.to_image:
        raise ZooError(
            f"mse_unclipped requires a decoder whose outputs are images before clipping, as with the loss 'mse', got the loss "
            f"{loss.name!r}; measure mse instead."
        )

    def linear_outputs(x):
        return model.decoder.backbone(model.code(x))

    total = 0.0
    for start in range(0, len(images), _BLOCK):
        block = check_images(images[start : start + _BLOCK], model.data_shape)
        total += np.square(unit_array(block, np.float64) - apply_in_batches(model, linear_outputs, block, 256)).sum()
    return float(total / (len(images) * np.prod(model.data_shape)))


def ssim(x, y):
    """Structural similarity (N,) of images (N, H, W, C) in 0..1, the mean over the positions of the window and the channels.

    Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural similarity": a
    Gaussian window of 11 x 11 pixels and deviation 1.5, K₁ = 0.01, K₂ = 0.03, without positions where the window exceeds the
    image. Raises ZooError if a side has fewer than 11 pixels.
    """
    if min(x.shape[1:3]) < _WINDOW:
        raise ZooError(f"got images of {x.shape[1]} x {x.shape[2]}, expected sides of at least 11 for ssim; use mse or psnr.")
    x, y = (np.moveaxis(np.asarray(images, np.float64), -1, 1) for images in (x, y))
    rows, columns = _window(x.shape[2]), _window(x.shape[3]).T

    def blur(images):
        return rows @ images @ columns

    mean_x, mean_y = blur(x), blur(y)
    variance_x, variance_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return np.mean(luminance * structure, axis=(1, 2, 3))


def _window(side):
    """The Gaussian window along one axis as a matrix (positions, side), so that blurring is two matrix products."""
    taps = np.exp(-((np.arange(_WINDOW) - _WINDOW // 2) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()
    places = side - _WINDOW + 1
    matrix = np.zeros((places, side))
    for i in range(places):
        matrix[i, i : i + _WINDOW] = taps
    return matrix
