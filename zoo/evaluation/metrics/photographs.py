"""Denoising by the protocol of the benchmarks, on whole photographs that may differ in size."""

import functools
import importlib.util

import numpy as np

from zoo.evaluation.reconstruction import psnr
from zoo.modalities.image import unit_array
from zoo.models.base.any_size import restored
from zoo.utils.distributions import missing_package


def _denoised_psnr_unclipped(subject, level, n, bm3d):
    images = subject.photographs(n)
    # Where it is installed, unless the card says that it was not measured.
    bm3d = importlib.util.find_spec("bm3d") is not None if bm3d is None else bm3d
    methods = {"restored": functools.partial(_restored, subject.model), "degraded image": lambda noisy: noisy}
    if bm3d:
        methods["BM3D"] = functools.partial(_by_bm3d, level)
    found = {name: np.zeros(len(images)) for name in methods}
    for i, image in enumerate(images):
        clean = unit_array(image, np.float64)
        # The code of published figures gives every image noise of the same seed, from this generator.
        noisy = clean + level * np.random.RandomState(subject.seed).standard_normal(clean.shape)
        for name, method in methods.items():
            found[name][i] = psnr(np.square(clean - method(noisy)).mean())
        if bm3d:
            # BM3D takes minutes for a large photograph.
            subject.progress(f"image {i + 1} of {len(images)}: {', '.join(f'{name} {of[i]:.2f}' for name, of in found.items())}")
    protocol = (
        "PSNR in dB, peak 1, mean over images in their own sizes, restored and rounded to 8 bits; degradation: Gaussian noise "
        f"of standard deviation {255 * level:.3g}/255, neither clipped nor rounded"
    )
    values = {name: float(each.mean()) for name, each in found.items()}
    return {
        "value": values.pop("restored"),
        "n": len(images),
        "protocol": protocol + ("; BM3D is given the standard deviation" if bm3d else ""),
        "baselines": values,
        "parameters": {"bm3d": bool(bm3d)},
        "tolerance": 0.03,
    }


def _restored(model, noisy):
    return _as_bytes(restored(model, noisy.astype(np.float32)))


def _by_bm3d(level, noisy):
    try:
        from bm3d import bm3d, bm3d_rgb
    except ImportError:
        raise missing_package("the baseline BM3D", "bm3d") from None
    return _as_bytes((bm3d_rgb(noisy, level) if noisy.shape[-1] == 3 else bm3d(noisy, level)).reshape(noisy.shape))


def _as_bytes(image):
    """An image in 0..1 in steps of 1/255, float64."""
    return np.round(255 * np.clip(image.astype(np.float64), 0, 1)) / 255


def _at(sigma):
    def metric(subject, *, level=sigma / 255, n=None, bm3d=None):
        return _denoised_psnr_unclipped(subject, level, n, bm3d)

    return metric


METRICS = {
    "denoised_psnr_unclipped": _at(25),
    "denoised_psnr_unclipped_15": _at(15),
    "denoised_psnr_unclipped_50": _at(50),
}
