"""Reconstruction errors."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.pca import pca_mse
from zoo.evaluation.reconstruction import reconstruction_metrics, unclipped_mse


def _reconstruction(name, words, tolerance):
    def metric(subject):
        metrics = subject.once("reconstruction", lambda: reconstruction_metrics(subject.model, subject.test_images()))
        if name not in metrics:
            raise ZooError(f"{name} does not apply to inputs of shape {subject.model.data_shape}; measure mse instead.")
        value = metrics[name]
        return {"value": value, "n": len(subject.test_images()), "protocol": words, "tolerance": tolerance(value)}

    return metric


def _mse_unclipped(subject):
    value = unclipped_mse(subject.model, subject.test_images())
    protocol = "squared error, mean over pixels in 0..1, of the decoder's outputs before clipping to 0..1"
    return {"value": value, "n": len(subject.test_images()), "protocol": protocol, "tolerance": 0.005 * value}


def _pca_mse(subject, *, clip=True):
    """Error of PCA with as many components as the code has numbers: a baseline for autoencoders."""
    train = subject.train().images
    count = int(np.prod(subject.model.bottleneck.code_shape))
    value = pca_mse(train, subject.test_images(), count, clip)
    protocol = (
        f"mean squared error of PCA with {count} components, as many as the code has numbers, fitted to the training split; "
        f"reconstructions {'clipped to 0..1' if clip else 'not clipped'}"
    )
    return {"value": value, "n": len(subject.test_images()), "protocol": protocol, "tolerance": 0.002 * value}


METRICS = {
    "mse": _reconstruction("mse", "squared error, mean over pixels in 0..1", lambda value: 0.005 * value),
    "mse_unclipped": _mse_unclipped,
    "sse": _reconstruction(
        "sse", "squared error summed over the pixels (0..1) of an image, mean over images", lambda value: 0.005 * value
    ),
    "psnr": _reconstruction("psnr", "peak signal-to-noise ratio in dB, peak 1, mean over images", lambda value: 0.05),
    "ssim": _reconstruction(
        "ssim",
        "structural similarity, Gaussian window of 11 x 11 pixels and deviation 1.5, mean over images",
        lambda value: 0.002,
    ),
    "pca_mse": _pca_mse,
}
