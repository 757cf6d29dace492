"""How well damaged images are mended."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.degradation import boxed, noisy, shrunk
from zoo.evaluation.reconstruction import psnr
from zoo.modalities.image import unit_array


def _ratio(subject, damaged, words, n):
    images = subject.test_images(n)
    made = subject.model.reconstruct(damaged)
    error = np.square(unit_array(images, np.float64) - made).reshape(len(images), -1).mean(axis=1)
    value = float(psnr(error).mean())
    protocol = f"of test images {words}, 8 bits a pixel; in dB, peak 1, mean over images"
    return {"value": value, "n": len(images), "protocol": protocol, "tolerance": 0.03}


def _denoised_psnr(subject, *, noise="gaussian", level=25 / 255, n=None):
    damaged = noisy(subject.test_images(n), noise, level, subject.seed)
    words = (
        f"with Gaussian noise of deviation {255 * level:.3g}/255" if noise == "gaussian" else f"with {level:.0%} of pixels black"
    )
    return _ratio(subject, damaged, words, n)


def _enlarged_psnr(subject, *, n=None):
    images = subject.test_images(n)
    scale = subject.model.config.get("scale")
    if scale is None:
        raise ZooError(f"{subject.model.name} does not enlarge images; measure psnr, or take a model of superres.")
    return _ratio(subject, shrunk(images, scale), f"made {scale} times smaller (bicubic, antialiased)", n)


def _inpainted_mse(subject, *, box=16, n=None):
    images = subject.test_images(n)
    damaged, inside = boxed(images, box)
    made = subject.model.reconstruct(damaged)
    value = float(np.square(unit_array(images)[:, inside] - made[:, inside]).mean(dtype=np.float64))
    protocol = f"squared error, pixels in 0..1, mean over a black box of {box} x {box} pixels in the middle of test images"
    return {"value": value, "n": len(images), "protocol": protocol, "tolerance": 0.005 * value}


METRICS = {"denoised_psnr": _denoised_psnr, "inpainted_mse": _inpainted_mse, "enlarged_psnr": _enlarged_psnr}
