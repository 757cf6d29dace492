"""Bicubic resizing: the same as MATLAB's, on a photograph and by the published figures of benchmarks."""

import numpy as np
import pytest
from PIL import Image

from zoo.evaluation.metrics.luma import luma
from zoo.evaluation.reconstruction import psnr
from zoo.utils import bicubic

# Sums over the channels of what MATLAB's `imresize` makes of 492 columns of Set14's baboon, 8 bits per channel
# (github.com/xinntao/matlab_functions_verification).
MATLAB = {
    1 / 2: (6707031, 5933972, 5260734),
    1 / 3: (2980895, 2637320, 2338120),
    1 / 4: (1676743, 1483492, 1315220),
    3: (241466529, 213637453, 189398189),
}
# Its first rows and columns, of the green channel of a half of the size.
CORNER = [[59, 23, 37], [80, 67, 62], [64, 110, 42], [75, 38, 67]]
# PSNR of the luma in dB (Dong et al. 2015, SRCNN, arXiv:1501.00092, and the papers after it).
PUBLISHED = [("set5", 2, 33.66), ("set14", 2, 30.23), ("set5", 3, 30.39), ("set14", 3, 27.54), ("set5", 4, 28.42)]


def as_bytes(image):
    return np.round(np.clip(image, 0, 255))


def test_a_photograph_becomes_what_matlab_makes_of_it(real_data):
    image = np.asarray(Image.open(real_data / "images/set14/baboon.bmp").convert("RGB"))[:, :492]
    for factor, sums in MATLAB.items():
        made = as_bytes(bicubic.resized(image, [round(side * factor) for side in image.shape[:2]]))
        assert tuple(made.sum(axis=(0, 1))) == sums
        if factor == 1 / 2:
            np.testing.assert_array_equal(made[:4, :3, 1], CORNER)


@pytest.mark.parametrize("folder, scale, published", PUBLISHED)
def test_published_figures_of_bicubic_enlargement(real_data, folder, scale, published):
    found = []
    for path in sorted((real_data / "images" / folder).iterdir()):
        image = np.asarray(Image.open(path))
        image = image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]
        y = np.round(luma(image.reshape(*image.shape[:2], -1)))[..., 0]
        small = bicubic.resized(y, [side // scale for side in y.shape])
        error = (as_bytes(bicubic.resized(small, y.shape)) - y)[scale:-scale, scale:-scale]
        found.append(psnr(np.square(error / 255).mean()))
    assert np.mean(found) == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize("side, new", [(24, 12), (24, 8), (25, 10), (8, 24), (24, 6), (7, 7)])
def test_the_image_goes_on_as_its_mirror_image(side, new):
    x = np.random.default_rng(0).random((side, 5))
    made = bicubic.matrix(side, new) @ x
    np.testing.assert_allclose(made, bicubic.resized(x, (new, 5)), atol=1e-6)
    # Far from the edges of three copies, those do not matter.
    longer = bicubic.matrix(3 * side, 3 * new, "cut") @ np.concatenate([x[::-1], x, x[::-1]])
    np.testing.assert_allclose(made, longer[new : 2 * new], atol=1e-5)
    inner = slice(new // 3, -(new // 3))
    np.testing.assert_allclose((bicubic.matrix(side, new, "cut") @ x)[inner], made[inner], atol=1e-5)
    if new < side:
        assert np.abs(bicubic.matrix(side, new, "cut") @ x - made).max() > 1e-3


def test_narrow_images_are_mirrored_more_than_once():
    np.testing.assert_allclose(bicubic.resized(np.full((1, 2, 3), 0.3), (1, 1)), 0.3)
    ramp = bicubic.resized(np.arange(3.0)[:, None], (1, 1))
    np.testing.assert_allclose(ramp, 1.0)
