"""Restoration metrics: PSNR and error of restored images."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.degradation import boxed, noisy, shrunk
from zoo.evaluation.reconstruction import psnr
from zoo.modalities.image import unit_array


def _ratio(subject, degraded, words, n):
    images = subject.test_images(n)
    made = subject.model.reconstruct(degraded)
    error = np.square(unit_array(images, np.float64) - made).reshape(len(images), -1).mean(axis=1)
    value = float(psnr(error).mean())
    protocol = f"PSNR in dB, peak 1, mean over restored test images; degradation: {words}, 8 bits per channel"
    return {"value": value, "n": len(images), "protocol": protocol, "tolerance": 0.03}


def _denoised_psnr(subject, *, noise="gaussian", level=25 / 255, n=None):
    degraded = noisy(subject.test_images(n), noise, level, subject.seed)
    words = (
        f"Gaussian noise of standard deviation {255 * level:.3g}/255"
        if noise == "gaussian"
        else f"{level:.0%} of the pixels set to black"
    )
    return _ratio(subject, degraded, words, n)


def _enlarged_psnr(subject, *, n=None):
    images = subject.test_images(n)
    scale = subject.model.config.get("scale")
    if scale is None:
        raise ZooError(
            f"{subject.model.name} is not a super-resolution model; measure psnr, or use a model of the variant superres."
        )
    return _ratio(subject, shrunk(images, scale), f"downsampling by a factor of {scale} (bicubic, antialiased)", n)


def _inpainted_mse(subject, *, box=16, n=None):
    images = subject.test_images(n)
    degraded, inside = boxed(images, box)
    made = subject.model.reconstruct(degraded)
    value = float(np.square(unit_array(images)[:, inside] - made[:, inside]).mean(dtype=np.float64))
    protocol = f"squared error, mean over pixels in 0..1 of a black box of {box} x {box} pixels at the center of each test image"
    return {"value": value, "n": len(images), "protocol": protocol, "tolerance": 0.005 * value}


METRICS = {"denoised_psnr": _denoised_psnr, "inpainted_mse": _inpainted_mse, "enlarged_psnr": _enlarged_psnr}
