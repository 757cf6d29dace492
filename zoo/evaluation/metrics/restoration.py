"""Restoration metrics: PSNR and error of restored images."""

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.evaluation.degradation import boxed, noisy, shrunk
from zoo.evaluation.reconstruction import psnr
from zoo.layers.corruptions.resample import enlarge
from zoo.modalities.image import unit_array


def _ratio(subject, degraded, words, n, **baseline):
    """PSNR of restored images and of one baseline: a keyword with images (N, H, W, C) in 0..1."""
    images = subject.test_images(n)
    protocol = f"PSNR in dB, peak 1, mean over restored test images; degradation: {words}, 8 bits per channel"
    return {
        "value": _mean_psnr(images, subject.model.reconstruct(degraded)),
        "n": len(images),
        "protocol": protocol,
        "baselines": {name.replace("_", " "): _mean_psnr(images, made) for name, made in baseline.items()},
        "tolerance": 0.03,
    }


def _mean_psnr(images, made):
    error = np.square(unit_array(images, np.float64) - made).reshape(len(images), -1).mean(axis=1)
    return float(psnr(error).mean())


def _denoised_psnr(subject, *, noise="gaussian", level=25 / 255, n=None):
    degraded = noisy(subject.test_images(n), noise, level, subject.seed)
    words = (
        f"Gaussian noise of standard deviation {255 * level:.3g}/255"
        if noise == "gaussian"
        else f"{level:.0%} of the pixels set to black"
    )
    return _ratio(subject, degraded, words, n, degraded_image=unit_array(degraded))


def _enlarged_psnr(subject, *, n=None):
    images = subject.test_images(n)
    scale = subject.model.config.get("scale")
    if scale is None:
        raise ZooError(
            f"{subject.model.name} is not a super-resolution model; measure psnr, or use a model of the variant superres."
        )
    edges = subject.model.config["edges"]
    small = shrunk(images, scale, edges)
    words = f"downsampling by a factor of {scale} (bicubic, antialiased)"
    return _ratio(subject, small, words, n, bicubic_interpolation=_bicubic(small, scale, edges))


def _bicubic(images, scale, edges):
    # In parts, because float32 images of the full size take four times the memory of the test images.
    parts = (enlarge(ops.convert_to_tensor(unit_array(images[i : i + 256])), scale, edges) for i in range(0, len(images), 256))
    return np.concatenate([np.clip(ops.convert_to_numpy(part), 0, 1) for part in parts])


def _inpainted_mse(subject, *, box=16, n=None):
    images = subject.test_images(n)
    degraded, inside = boxed(images, box)
    made = subject.model.reconstruct(degraded)
    hidden, known = unit_array(images)[:, inside], unit_array(images)[:, ~inside]
    value = float(np.square(hidden - made[:, inside]).mean(dtype=np.float64))
    mean_color = float(np.square(hidden - known.mean(axis=1, keepdims=True)).mean(dtype=np.float64))
    protocol = f"squared error, mean over pixels in 0..1 of a black box of {box} x {box} pixels at the center of each test image"
    baselines = {"mean color": mean_color}
    return {"value": value, "n": len(images), "protocol": protocol, "baselines": baselines, "tolerance": 0.005 * value}


METRICS = {"denoised_psnr": _denoised_psnr, "inpainted_mse": _inpainted_mse, "enlarged_psnr": _enlarged_psnr}
