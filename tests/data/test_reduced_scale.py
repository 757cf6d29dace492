"""JPEG files decoded at a reduced scale: the resized image differs from that of full decoding by less than resizing errs."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data import image_files
from zoo.data.image_files import MARGIN, decode, resized

SIZES = ((16, 16), (32, 32), (64, 64), (48, 80))


def made_up():
    """Noise whose amplitudes fall with the frequency, as those of photographs do, in colors that vary less than the brightness,
    (331, 477, 3)."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(331)[:, None], np.fft.rfftfreq(477)[None])
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(3, 331, 477))) / np.maximum(frequency, 1 / 477), s=(331, 477))
    brightness, *colors = noise / noise.std(axis=(1, 2), keepdims=True)
    image = 127 + 50 * brightness[..., None] + 15 * np.stack([colors[0], -colors[0] - colors[1], colors[1]], axis=-1)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photographs(real_data):
    return [Image.open(path).convert("RGB") for path in sorted((real_data / "images" / "kodak").glob("*.png"))]


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


def rms(a, b):
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2)))


def errors(data, size):
    """Differences, in levels of 0..255, from bilinear resizing of the completely decoded image: of the image decoded at a reduced
    scale, and of bicubic resizing."""
    full = decode(data).pixels
    bicubic = Image.fromarray(full.squeeze()).resize(size[::-1], Image.Resampling.BICUBIC)
    wanted = resized(full, size)
    return rms(decode(data, size).pixels, wanted), rms(np.asarray(bicubic).reshape(wanted.shape), wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", (dict(subsampling=0), dict(subsampling=2, progressive=True)), ids=("444", "420"))
def test_the_difference_is_below_the_error_of_the_resize(size, options):
    for image in (made_up(), made_up().convert("L")):
        reduced, resize = errors(jpeg(image, **options), size)
        assert 0 < reduced < 0.7 * resize


def test_the_same_of_photographs(photographs):
    for size in SIZES:
        found = np.array([errors(jpeg(image), size) for image in photographs])
        assert (found[:, 0] < 0.7 * found[:, 1]).all()
        assert found[:, 0].mean() < 0.5 * found[:, 1].mean()


def test_features_of_photographs(photographs):
    """They differ by less than those of bicubic resizing: see docs/features.md."""
    files, size = [jpeg(image) for image in photographs], (32, 32)
    bicubic = [np.asarray(Image.fromarray(decode(data).pixels).resize(size, Image.Resampling.BICUBIC)) for data in files]
    pixels = [decode(data, size).pixels for data in files], [resized(decode(data).pixels, size) for data in files], bicubic
    model = zoo.load("ae_resnet.cifar10")
    reduced, full, other = (model.encode(np.stack(images)) for images in pixels)
    lengths = np.linalg.norm(full, axis=1)
    differences = np.linalg.norm(reduced - full, axis=1) / lengths
    assert 0 < differences.mean() < 0.03 and differences.max() < 0.05
    assert differences.mean() < 0.6 * (np.linalg.norm(other - full, axis=1) / lengths).mean()


def test_it_is_off_where_too_little_would_remain():
    data = jpeg(made_up())
    largest = 331 // 2 // MARGIN
    for size in ((largest + 1, 8), (largest + 1, largest + 1), (331, 477), (400, 500)):
        np.testing.assert_array_equal(decode(data, size).pixels, resized(decode(data).pixels, size))
    assert (decode(data, (largest, largest)).pixels != resized(decode(data).pixels, (largest, largest))).any()


def test_files_of_other_formats_are_decoded_completely():
    buffer = io.BytesIO()
    made_up().save(buffer, "PNG")
    np.testing.assert_array_equal(decode(buffer.getvalue(), (32, 24)).pixels, resized(np.asarray(made_up()), (32, 24)))


@pytest.mark.parametrize("turned", range(1, 9))
def test_rotated_files(turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    data = jpeg(made_up(), exif=exif)
    full = decode(data).pixels
    assert full.shape[:2] == ((477, 331) if turned >= 5 else (331, 477))
    assert rms(decode(data, (24, 40)).pixels, resized(full, (24, 40))) < 1.5


@pytest.mark.parametrize(
    "image",
    (
        made_up().convert("CMYK"),
        Image.new("RGB", (1, 1), (10, 200, 30)),
        Image.new("RGB", (1, 20_000), (10, 200, 30)),
        Image.new("L", (20_000, 1), 90),
    ),
    ids=("CMYK", "1 x 1", "1 x 20,000", "20,000 x 1"),
)
def test_unusual_files(image):
    data = jpeg(image)
    pixels = decode(data, (32, 32)).pixels
    assert pixels.shape == (32, 32, 1 if image.mode == "L" else 3)
    assert rms(pixels, resized(decode(data).pixels, (32, 32))) < 2


def test_what_is_damaged_stays_unreadable():
    data = jpeg(made_up())
    for broken in (data[: len(data) // 2], data[:20], b"\xff\xd8\xff"):
        with pytest.raises(image_files.Unreadable, match="damaged or incomplete"):
            decode(broken, (32, 32))


def with_size(data, width, height):
    """The bytes of a JPEG file with another size in its header."""
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", height, width) + data[start + 4 :]


def test_huge_files_are_refused_by_their_header():
    for side in (20_000, 65_500):
        with pytest.raises(image_files.Unreadable, match="unpacks to more than 178,956,970 pixels"):
            decode(with_size(jpeg(made_up()), side, side), (32, 32))
