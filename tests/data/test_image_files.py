"""Files of images to pixels: what looks the same is the same, and no bit is lost without a word."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.data import sources
from zoo.data.image_files import decode

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def deep_png(values, clear=None):
    """A PNG file of 16 bits, (H, W, 1 to 4), which Pillow does not write; `clear` is the colour that is transparent."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    clear = b"" if clear is None else chunk(b"tRNS", struct.pack(f">{len(clear)}H", *clear))
    parts = chunk(b"IHDR", header) + clear + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def with_alpha(colours, alpha):
    return Image.fromarray(np.concatenate([colours, alpha], axis=-1), "LA" if colours.shape[-1] == 1 else "RGBA")


@pytest.mark.parametrize("channels", (1, 3))
@pytest.mark.parametrize("kind", ("PNG", "WEBP"))
def test_transparency_is_on_white(channels, kind):
    colours, alpha = COLOUR[..., :channels], RNG.integers(0, 256, (6, 5, 1), dtype=np.uint8)
    alpha[0], alpha[1] = 0, 255
    picture = decode(encoded(with_alpha(colours, alpha), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    share = alpha / 255
    expected = np.round(colours * share + 255 * (1 - share))
    if picture.pixels.shape[-1] != channels:  # WebP knows no grey
        expected = np.repeat(expected, 3, axis=-1)
    assert picture.transparent and picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels - expected).max() <= 1
    assert (picture.pixels[0] == 255).all()


@pytest.mark.parametrize(
    "kind, image, clear",
    [
        ("PNG", Image.fromarray(COLOUR), (7, 8, 9)),
        ("PNG", Image.fromarray(COLOUR[..., 0]), 7),
        ("PNG", Image.fromarray(COLOUR).quantize(8), 3),
        ("GIF", Image.fromarray(COLOUR).quantize(8), 3),
    ],
    ids=("colour", "grey", "palette", "gif"),
)
def test_a_transparent_colour_is_white(kind, image, clear):
    pixels = np.array(image)
    pixels[2, 3] = clear
    made = Image.fromarray(pixels, image.mode)
    if image.mode == "P":
        made.putpalette(image.getpalette())
    picture = decode(encoded(made, kind, transparency=clear))
    assert picture.transparent and (picture.pixels[2, 3] == 255).all()
    if image.mode != "P":
        np.testing.assert_array_equal(picture.pixels.squeeze()[0], pixels[0])


def test_what_is_hidden_does_not_show():
    twins = []
    for hidden in (0, 255):
        image = np.full((4, 4, 4), hidden, np.uint8)
        image[1:3, 1:3], image[..., 3] = 60, 0
        image[1:3, 1:3, 3] = 255
        twins.append(decode(encoded(Image.fromarray(image))).pixels)
    np.testing.assert_array_equal(*twins)


@pytest.mark.parametrize("channels", (1, 2, 3, 4))
def test_sixteen_bits_are_kept(channels):
    values = RNG.integers(0, 65536, (6, 5, channels), dtype=np.uint16)
    picture = decode(deep_png(values))
    unit = values / 65535
    if channels in (2, 4):
        unit = unit[..., :-1] * unit[..., -1:] + 1 - unit[..., -1:]
    assert picture.deep and picture.pixels.dtype == np.float32 and picture.transparent == (channels in (2, 4))
    np.testing.assert_allclose(picture.pixels, unit, atol=1e-6)


@pytest.mark.parametrize("channels", (1, 3))
def test_a_transparent_colour_of_sixteen_bits(channels):
    values = np.full((4, 4, channels), 300, np.uint16)
    values[0, 0] = 301
    picture = decode(deep_png(values, clear=[300] * channels))
    assert picture.transparent and (picture.pixels[1:] == 1).all() and (picture.pixels[0, 0] < 0.01).all()


def test_twelve_bits_in_sixteen_keep_their_levels_and_are_told_of(tmp_path):
    values = RNG.integers(0, 4096, (28, 28, 1), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(deep_png(values))
    found = sources.load(tmp_path)
    assert len(np.unique(found.images)) == len(np.unique(values))
    [note] = found.notes
    assert f"the brightest value of 1 images with 16 bits is {values.max()}" in note
    (tmp_path / "b.png").write_bytes(deep_png(values * 16))
    assert sources.load(tmp_path).notes == []


def test_eight_and_sixteen_bits_together(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(COLOUR)))
    (tmp_path / "b.png").write_bytes(deep_png(COLOUR.astype(np.uint16) * 257))
    for batch in (2, 1):
        images = [images for _, images in sources.stream(tmp_path, batch, None)]
        assert all(image.dtype == (np.float32 if batch == 2 or i else np.uint8) for i, image in enumerate(images))
    found = sources.load(tmp_path).images
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    resized = sources.load(tmp_path, image_shape=(3, 3, 1), resize=True).images
    assert resized.shape == (2, 3, 3, 1) and np.abs(resized[0] - resized[1]).max() < 0.01


def test_transparency_is_told_once(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(encoded(with_alpha(COLOUR, np.zeros((6, 5, 1), np.uint8))))
    assert sources.load(tmp_path).notes == ["3 images have transparent parts, which are composited on white"]
