"""Inpainting of photographs: scratches and boxes that are always the same, on whole images that may differ in size."""

import importlib.util

import numpy as np
from PIL import Image, ImageDraw

from zoo.evaluation.reconstruction import psnr
from zoo.modalities.image import unit_array
from zoo.models.base.any_size import restored
from zoo.utils.distributions import missing_package

# Pixels of an image for each scratch and each box: about a twentieth of it is hidden.
_PER_SCRATCH, _PER_BOX = 8_000, 12_000
# Width, number of segments, and range of the length of a segment of a scratch; range of the sides of a box; in pixels.
_WIDTH, _SEGMENTS, _LENGTHS, _SIDES = 3, 4, (10, 60), (16, 33)


def scratches(size, rng):
    """Mask (H, W), bool, of scratches: lines of 3 pixels' width that change direction."""
    height, width = size
    drawing = Image.new("1", (width, height))
    pen = ImageDraw.Draw(drawing)
    for _ in range(max(1, height * width // _PER_SCRATCH)):
        turns = rng.uniform(0, 2 * np.pi) + rng.uniform(-0.6, 0.6, _SEGMENTS).cumsum()
        steps = rng.uniform(*_LENGTHS, (_SEGMENTS, 1)) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        points = rng.uniform(0, (width, height)) + np.concatenate([np.zeros((1, 2)), steps.cumsum(axis=0)])
        pen.line([tuple(point) for point in points], fill=1, width=_WIDTH)
    return np.array(drawing)


def boxes(size, rng):
    """Mask (H, W), bool, of boxes with sides of 16 to 32 pixels."""
    mask = np.zeros(size, bool)
    for _ in range(max(1, size[0] * size[1] // _PER_BOX)):
        sides = [min(rng.integers(*_SIDES), length // 2) for length in size]
        top, left = (rng.integers(0, length - side + 1) for length, side in zip(size, sides))
        mask[top : top + sides[0], left : left + sides[1]] = True
    return mask


def _inpainted_psnr(holes, words):
    def metric(subject, *, n=None, opencv=None):
        images = subject.photographs(n)
        opencv = importlib.util.find_spec("cv2") is not None if opencv is None else opencv
        found = [
            _scores(subject.model, image, holes, np.random.default_rng((subject.seed, i)), opencv)
            for i, image in enumerate(images)
        ]
        values = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
        return {
            "value": values.pop("restored"),
            "n": len(images),
            "protocol": f"PSNR in dB of the pixels of {words} (black), mean over images in their own sizes, rounded to 8 bits; "
            "other black pixels are given as 1/255",
            "baselines": values,
            "parameters": {"opencv": bool(opencv)},
            "tolerance": 0.05,
        }

    return metric


def _scores(model, image, holes, rng, opencv):
    """Mapping of a method to the PSNR of the hidden pixels of an image."""
    inside = holes(image.shape[:2], rng)
    clean = np.round(255 * unit_array(image)).astype(np.uint8)
    # Models fill black pixels.
    degraded = np.where(inside[..., None], 0, np.maximum(clean, 1)).astype(np.uint8)
    made = {"restored": np.round(255 * np.clip(restored(model, degraded), 0, 1))}
    made["mean color"] = np.broadcast_to(clean[~inside].mean(axis=0), clean.shape)
    if opencv:
        made["Navier-Stokes"] = _navier_stokes(degraded, inside)
    return {name: psnr(np.square((clean - each.astype(np.float64))[inside] / 255).mean()) for name, each in made.items()}


def _navier_stokes(degraded, inside):
    try:
        import cv2
    except ImportError:
        raise missing_package("the baseline Navier-Stokes", "cv2") from None
    return cv2.inpaint(degraded, inside.astype(np.uint8), 3, cv2.INPAINT_NS).reshape(degraded.shape)


METRICS = {
    "inpainted_psnr_scratches": _inpainted_psnr(scratches, "scratches"),
    "inpainted_psnr_boxes": _inpainted_psnr(boxes, "boxes of 16 to 32 pixels"),
}
