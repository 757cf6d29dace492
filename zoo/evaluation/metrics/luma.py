"""Super-resolution and removal of JPEG artifacts by the protocols of the benchmarks: PSNR and SSIM of the luma of photographs."""

import io

import numpy as np
from PIL import Image

from zoo.data.image_files import with_channels
from zoo.errors import ZooError
from zoo.evaluation.reconstruction import psnr, ssim
from zoo.modalities.image import unit_array
from zoo.models.base.any_size import restored
from zoo.utils import bicubic

_LUMA = np.array([65.481, 128.553, 24.966]) / 255
# Qualities of JPEG files in the benchmarks (Dong et al. 2015, AR-CNN, arXiv:1504.06993).
_QUALITIES = (10, 20, 30, 40)


def luma(image):
    """Y of an image (H, W, 3), 0..255, as (H, W, 1), float64 16..235: ITU-R BT.601, as MATLAB's `rgb2ycbcr`, but not rounded.

    An image (H, W, 1) is unchanged.
    """
    image = np.asarray(image, np.float64)
    return image if image.shape[-1] == 1 else 16 + (image @ _LUMA)[..., None]


def _enlarged(score, words, tolerance):
    def metric(subject, *, n=None):
        images = subject.photographs(n, channels=None)
        scale = subject.model.config.get("scale")
        if scale is None:
            raise ZooError(
                f"{subject.model.name} is not a super-resolution model; measure psnr, or use a model of the variant superres."
            )
        key = ("enlarged photographs", len(images))
        pairs = subject.once(key, lambda: [_enlarged_pairs(subject.model, scale, image) for image in images])
        gray = subject.model.data_shape[-1] == 1
        reduced = "luma, rounded to 8 bits, reduced" if gray else "image reduced, and rounded to 8 bits"
        return {
            "value": float(np.mean([score(true, made) for true, made, _ in pairs])),
            "n": len(images),
            "protocol": f"{words} of the luma (BT.601, 16..235) of images in their own sizes, rounded to 8 bits, without a "
            f"border of {scale} pixels; {reduced} by a factor of {scale} by MATLAB's bicubic interpolation",
            "baselines": {"bicubic interpolation": float(np.mean([score(true, base) for true, _, base in pairs]))},
            "tolerance": tolerance,
        }

    return metric


def _enlarged_pairs(model, scale, image):
    """The luma of an image, without a border, of its reduced version restored by the model, and by bicubic interpolation."""
    height, width = (side // scale * scale for side in image.shape[:2])
    image = _as_bytes(255 * unit_array(image[:height, :width], np.float64))
    if model.data_shape[-1] == 1:
        # As in the benchmarks, the small image is not rounded.
        image = np.round(luma(image))
        small = np.clip(bicubic.resized(image, (height // scale, width // scale)), 0, 255)
    else:
        small = _as_bytes(bicubic.resized(with_channels(image, 3), (height // scale, width // scale)))
    made = 255 * restored(model, (small / 255).astype(np.float32))
    results = image, made, bicubic.resized(small, (height, width))
    inside = np.s_[scale : height - scale, scale : width - scale]
    return [_y(_as_bytes(each), image.shape[-1])[inside] / 255 for each in results]


def _y(image, channels):
    """The luma of an image; for an original of one channel, of which there are three equal ones here, its values."""
    return luma(with_channels(image, channels) if channels < image.shape[-1] else image)


def _psnr(true, made):
    return psnr(np.square(true - made).mean())


def _ssim(true, made):
    return ssim(true[None], made[None])[0]


def _without_artifacts(quality):
    def metric(subject, *, n=None):
        images = subject.photographs(n, channels=None)
        scores = np.array([_scores_of_file(subject.model, image, quality) for image in images])
        gray = subject.model.data_shape[-1] == 1
        compressed = "luma, rounded to 8 bits, in gray JPEG files" if gray else "image in JPEG files (4:2:0)"
        restored_psnr, file_psnr = (float(each) for each in scores.mean(axis=0))
        return {
            "value": restored_psnr,
            "n": len(images),
            "protocol": "PSNR in dB of the luma (BT.601, 16..235) of images in their own sizes, restored and rounded to 8 bits; "
            f"{compressed} of quality {quality} by libjpeg",
            "baselines": {"JPEG file": file_psnr},
            "tolerance": 0.03,
        }

    return metric


def _scores_of_file(model, image, quality):
    """PSNR in dB of the luma of an image after restoration of its JPEG file, and of the file."""
    image = _as_bytes(255 * unit_array(image, np.float64))
    if model.data_shape[-1] == 1:
        image = np.round(luma(image))
    file = io.BytesIO()
    Image.fromarray(image.astype(np.uint8).squeeze(-1) if image.shape[-1] == 1 else image.astype(np.uint8)).save(
        file, "JPEG", quality=quality
    )
    decoded = np.asarray(Image.open(file)).reshape(image.shape)
    made = 255 * restored(model, with_channels(decoded, model.data_shape[-1]))
    results = (_y(_as_bytes(each), image.shape[-1]) for each in (made, decoded))
    return [_psnr(luma(image) / 255, each / 255) for each in results]


def _as_bytes(image):
    """An image in 0..255, rounded, as float64."""
    return np.round(np.clip(np.asarray(image, np.float64), 0, 255))


METRICS = {
    "enlarged_psnr_luma": _enlarged(_psnr, "PSNR in dB", 0.03),
    "enlarged_ssim_luma": _enlarged(_ssim, "structural similarity", 0.002),
    **{f"jpeg_psnr_luma_{quality}": _without_artifacts(quality) for quality in _QUALITIES},
}
