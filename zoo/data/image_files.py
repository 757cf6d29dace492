"""Decoding and encoding of image files with Pillow. Threads decode in parallel; no framework is loaded."""

import io
import os
import stat
import warnings
import zlib
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

# A JPEG file is decoded at a reduced scale if it remains at least this many times as large as the image that is wanted, along
# both axes. The images then differ from those of full decoding by half of what bilinear and bicubic resizing differ by.
MARGIN = 2

# Pillow refuses images of more than 2 * MAX_IMAGE_PIXELS, which is reported; it warns of those of half that size.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF8", "BMP": b"BM", "WEBP": b"RIFF"}


class Unreadable(Exception):
    """A file that cannot be read as an image; the text says why."""


class DecodedImage(NamedTuple):
    """A decoded image file.

    Attributes:
        pixels: (H, W, 1) or (H, W, 3), uint8 0..255; for files with 16 bits per channel, float32 0..1: values divided by 65535.
        transparent: whether parts of the image were transparent; they are composited on white.
        deep: whether the file has 16 bits per channel.
        brightest: the highest value of a file with 16 bits per channel, in 0..1; otherwise 0.
    """

    pixels: np.ndarray
    transparent: bool
    deep: bool = False
    brightest: float = 0.0


def read(path):
    """The bytes of a file.

    Raises:
        Unreadable: if it cannot be opened, or is not a regular file; reading a pipe could block forever.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable("it is not a regular file")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "it cannot be opened") from None


def decode(data, size=None):
    """Decode the bytes of an image file to a `DecodedImage`: the first frame, upright, composited on white.

    Args:
        data: bytes of a JPEG, PNG, GIF, BMP or WebP file.
        size: (height, width) that the image is resized to: bilinear, with antialiasing; None keeps its own size.

    Files with 16 bits per channel keep their precision; their scale is 0..65535, even if the values use only a part of it.
    JPEG files much larger than `size` are decoded at 1/2, 1/4 or 1/8 of their scale: libjpeg then computes only the lowest
    frequencies of each block, which takes less time.

    Raises:
        Unreadable: if the bytes cannot be decoded.
    """
    kind = next((kind for kind, start in SIGNATURES.items() if data.startswith(start)), None)
    if kind is None:
        raise Unreadable(f"it is not a {', '.join(SIGNATURES)} file" if data else "the file is empty")
    try:
        if kind == "PNG" and _is_deep(data):
            picture = _deep_picture(data)
            return picture if size is None else picture._replace(pixels=resized(picture.pixels, size))
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            # The longer side for both axes, because the image may be rotated once it is decoded.
            drafted = None if size is None else image.draft(None, (MARGIN * max(size), MARGIN * max(size)))
            image.load()
            # The part of the reduced image that contains the original: its last blocks may be incomplete.
            return _picture(image, kind, size, drafted and drafted[1])
    except Image.DecompressionBombError:
        raise Unreadable(f"the {kind} file unpacks to more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels") from None
    # The decoders of Pillow raise many kinds of errors for broken files.
    except Exception:
        raise Unreadable(f"the {kind} file is damaged or incomplete") from None


# Orientations of EXIF in which the rows of the file are columns of the image.
_SIDEWAYS = (5, 6, 7, 8)


def _orientation(image):
    """The EXIF orientation of a loaded image, 1..8; 1 is upright."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF data do not make the image unreadable
        return 1
    return turned if turned in range(2, 9) else 1


def _upright(image):
    """The loaded image rotated as its EXIF orientation says."""
    return ImageOps.exif_transpose(image) if _orientation(image) > 1 else image


def _picture(image, kind, size, box):
    # Images with a palette are read as RGB, and so are all GIF files, whose gray images have palettes too.
    gray = image.mode in ("L", "1", "LA", "La") and kind != "GIF"
    turned = _orientation(image)
    if not image.has_transparency_data:
        image = image.convert("L" if gray else "RGB")
        if size is not None:
            # Before the rotation, which then is that of a small image.
            image = image.resize(size if turned in _SIDEWAYS else size[::-1], Image.Resampling.BILINEAR, box)
        pixels = np.asarray(ImageOps.exif_transpose(image) if turned > 1 else image)
        return DecodedImage(pixels[..., None] if gray else pixels, False)
    image = _upright(image).convert("LA" if gray else "RGBA")
    pixels = np.asarray(image)
    colors, alpha = pixels[..., :-1], pixels[..., -1:]
    transparent = bool(alpha.min() < 255)
    if transparent:
        colors = np.round(_on_white(colors / np.float32(255), alpha / np.float32(255)) * 255).astype(np.uint8)
    return DecodedImage(np.ascontiguousarray(colors) if size is None else resized(colors, size), transparent)


def _on_white(colors, alpha):
    return colors * alpha + (1 - alpha)


# Offsets in the header of a PNG file (ISO/IEC 15948): bits per channel, color type, checksum.
_BITS, _COLOR, _CHECKSUM = 24, 25, slice(29, 33)
_GRAY_ALPHA, _RGB_ALPHA = 4, 6


def _is_deep(data):
    return len(data) > _COLOR and data[_BITS] == 16


def _deep_picture(data):
    """The `DecodedImage` of a PNG file with 16 bits per channel. Pillow by itself keeps all 16 bits of gray images only."""
    if data[_COLOR] == _GRAY_ALPHA:
        # Two channels of two bytes have the same layout as four channels of one byte.
        header = data[:_BITS] + bytes([8, _RGB_ALPHA]) + data[_COLOR + 1 : _CHECKSUM.start]
        data = header + zlib.crc32(header[12:]).to_bytes(4, "big") + data[_CHECKSUM.stop :]
        bytes_of, clear = _loaded(data)
        values = bytes_of.reshape(*bytes_of.shape[:2], 2, 2).astype(np.uint16) @ np.array([256, 1], np.uint16)
    else:
        high, clear = _loaded(data)
        if high.ndim == 2:
            values = high.astype(np.uint16)[..., None]
        else:
            # Reading with the opposite byte order gives the low byte of each value.
            low, _ = _loaded(data, lambda mode: mode.replace("16B", "16L"))
            values = high.astype(np.uint16) << 8 | low
    unit = values / np.float32(65535)
    if values.shape[-1] in (2, 4):
        colors, alpha = unit[..., :-1], unit[..., -1:]
    else:
        colors, seen = unit, np.ones(values.shape[:2], bool) if clear is None else np.any(values != clear, axis=-1)
        alpha = seen[..., None].astype(np.float32)
    transparent = bool(alpha.min() < 1)
    shown = _on_white(colors, alpha) if transparent else np.ascontiguousarray(colors)
    return DecodedImage(shown, transparent, True, float(colors.max()))


def _loaded(data, raw_mode=None):
    """The upright pixel values of a PNG file as an array, and its transparent color or None. `raw_mode` maps the raw mode of
    Pillow to the one to read with."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if raw_mode is not None:
            image.tile = [tile._replace(args=raw_mode(tile.args)) for tile in image.tile]
        image.load()
        return np.asarray(_upright(image)), image.info.get("transparency")


def encode_png(image):
    """The bytes of a PNG file of an image (H, W, 1 or 3), uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def resized(image, size):
    """An image (H, W, C), uint8 or float32, resized to `size`, (height, width): bilinear, with antialiasing."""
    if image.dtype == np.uint8 and image.shape[-1] == 3:
        return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    planes = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in np.moveaxis(image, -1, 0)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def with_channels(image, channels):
    """An image (H, W, 1 or 3), uint8 or float32, with 1 or 3 channels: gray is repeated, RGB becomes its luma (ITU-R BT.601)."""
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    luma = image @ np.array([0.299, 0.587, 0.114])
    return (np.round(luma) if image.dtype == np.uint8 else luma).astype(image.dtype)[..., None]
