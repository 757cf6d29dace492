"""The luma of color images, which published figures of restoration are measured on."""

import numpy as np


def luma(image):
    """Y of an image (..., 3), uint8 0..255, as (..., 1), float64 16..235: ITU-R BT.601, like MATLAB's `rgb2ycbcr` unrounded."""
    return (16 + np.asarray(image, np.float64) @ (np.array([65.481, 128.553, 24.966]) / 255))[..., None]
