"""Restoration metrics by the protocols of the benchmarks, on whole images that may differ in size."""

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation.reconstruction import psnr
from zoo.finetuning.adapt import adapt
from zoo.modalities.image import unit_array
from zoo.utils.batching import apply_in_batches


def _denoised_psnr_unclipped(subject, *, level=25 / 255, n=None):
    images = subject.photographs(n)
    found, given = np.zeros(len(images)), np.zeros(len(images))
    for shape in sorted({image.shape for image in images}):
        model = at_size(subject.model, shape)
        for i in (i for i, image in enumerate(images) if image.shape == shape):
            clean = unit_array(images[i], np.float64)
            # The code of published figures gives every image noise of the same seed, from this generator.
            noisy = clean + level * np.random.RandomState(subject.seed).standard_normal(shape)
            # `reconstruct` accepts images in 0..1 only.
            restored = apply_in_batches(model, model._reconstruct, noisy[None].astype(np.float32), 1)[0]
            restored = np.round(255 * restored.astype(np.float64)) / 255
            found[i], given[i] = (psnr(np.square(clean - made).mean()) for made in (restored, noisy))
    protocol = (
        "PSNR in dB, peak 1, mean over images in their own sizes, restored and rounded to 8 bits; degradation: Gaussian noise "
        f"of standard deviation {255 * level:.3g}/255, neither clipped nor rounded"
    )
    return {
        "value": float(found.mean()),
        "n": len(images),
        "protocol": protocol,
        "baselines": {"degraded image": float(given.mean())},
        "tolerance": 0.03,
    }


def at_size(model, shape):
    """The model for images (height, width, channels) of another size, with the same weights.

    Raises:
        ZooError: if its weights depend on the size of the images.
    """
    if shape == model.data_shape:
        return model
    made, initialized = adapt(model, input_shape=list(shape))
    if initialized:
        raise ZooError(
            f"{model.name} has weights that depend on the size of the images, so that it restores images of "
            f"{' x '.join(map(str, model.data_shape))} only; got {' x '.join(map(str, shape))}."
        )
    return made


METRICS = {"denoised_psnr_unclipped": _denoised_psnr_unclipped}
