"""Picture files to pixels and back, by Pillow: threads decode side by side, and no framework is loaded for it."""

import io
import os
import stat
import zlib
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF8", "BMP": b"BM", "WEBP": b"RIFF"}


class Unreadable(Exception):
    """No picture; the text says why."""


class Picture(NamedTuple):
    """A decoded file.

    Attributes:
        pixels: (H, W, 1) or (H, W, 3), uint8 0..255; of files of 16 bits a channel float32 0..1, on the scale 0..65535.
        transparent: whether parts were transparent, which are shown on white.
        deep: whether the file had 16 bits a channel.
        brightest: of those, the highest value in the file, in 0..1.
    """

    pixels: np.ndarray
    transparent: bool
    deep: bool = False
    brightest: float = 0.0


def read(path):
    """The bytes of a file.

    Raises:
        Unreadable: when it cannot be opened, or is no regular file: from a pipe one would wait for ever.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable("it is no regular file")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "it cannot be opened") from None


def decode(data):
    """The `Picture` in a file's bytes: upright, the first frame, what is transparent on white.

    Files of 16 bits keep them, on the scale 0..65535 that the format defines, also where their values use a part of it.

    Raises:
        Unreadable: when there is none to decode.
    """
    kind = next((kind for kind, start in SIGNATURES.items() if data.startswith(start)), None)
    if kind is None:
        raise Unreadable(f"it is no {', '.join(SIGNATURES)} file" if data else "the file is empty")
    try:
        if kind == "PNG" and _is_deep(data):
            return _deep_picture(data)
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return _picture(_upright(image), kind)
    except Image.DecompressionBombError:
        raise Unreadable(f"the {kind} file unpacks to more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels") from None
    # Pillow passes on what its decoders meet in a broken file.
    except Exception:
        raise Unreadable(f"the {kind} file is damaged or cut short") from None


def _upright(image):
    """The picture as a camera's note of how it was held says that it is to be seen."""
    image.load()
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken note is no broken picture
        return image
    return ImageOps.exif_transpose(image) if turned in range(2, 9) else image


def _picture(image, kind):
    # A palette is taken for colours, as is all of GIF, whose grey is a palette too.
    grey = image.mode in ("L", "1", "LA", "La") and kind != "GIF"
    if not image.has_transparency_data:
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
        return Picture(pixels[..., None] if grey else pixels, False)
    pixels = np.asarray(image.convert("LA" if grey else "RGBA"))
    colours, alpha = pixels[..., :-1], pixels[..., -1:]
    if alpha.min() == 255:
        return Picture(np.ascontiguousarray(colours), False)
    return Picture(np.round(_on_white(colours / np.float32(255), alpha / np.float32(255)) * 255).astype(np.uint8), True)


def _on_white(colours, alpha):
    return colours * alpha + (1 - alpha)


# Places in a PNG file's header (ISO/IEC 15948): the bits a channel, the kind of colour, the checksum.
_BITS, _COLOUR, _CHECKSUM = 24, 25, slice(29, 33)
_GREY_ALPHA, _RGB_ALPHA = 4, 6


def _is_deep(data):
    return len(data) > _COLOUR and data[_BITS] == 16


def _deep_picture(data):
    """The `Picture` of a PNG file of 16 bits a channel, of which Pillow itself keeps 16 in grey ones only."""
    if data[_COLOUR] == _GREY_ALPHA:
        # Two channels of two bytes lie in a file as four of one do.
        header = data[:_BITS] + bytes([8, _RGB_ALPHA]) + data[_COLOUR + 1 : _CHECKSUM.start]
        data = header + zlib.crc32(header[12:]).to_bytes(4, "big") + data[_CHECKSUM.stop :]
        bytes_of, clear = _loaded(data)
        values = bytes_of.reshape(*bytes_of.shape[:2], 2, 2).astype(np.uint16) @ np.array([256, 1], np.uint16)
    else:
        high, clear = _loaded(data)
        if high.ndim == 2:
            values = high.astype(np.uint16)[..., None]
        else:
            # Read as if the low byte came first, the other half of each value comes out.
            low, _ = _loaded(data, lambda mode: mode.replace("16B", "16L"))
            values = high.astype(np.uint16) << 8 | low
    unit = values / np.float32(65535)
    if values.shape[-1] in (2, 4):
        colours, alpha = unit[..., :-1], unit[..., -1:]
    else:
        colours, seen = unit, np.ones(values.shape[:2], bool) if clear is None else np.any(values != clear, axis=-1)
        alpha = seen[..., None].astype(np.float32)
    transparent = bool(alpha.min() < 1)
    shown = _on_white(colours, alpha) if transparent else np.ascontiguousarray(colours)
    return Picture(shown, transparent, True, float(colours.max()))


def _loaded(data, raw_mode=None):
    """An upright array of a PNG file's values, read in another of Pillow's raw modes where asked, and its transparent colour."""
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
    """An image (H, W, C), uint8 or float32, at another (height, width): bilinear, with the window as wide as what is left out."""
    planes = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in np.moveaxis(image, -1, 0)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def with_channels(image, channels):
    """Grey repeated in three channels, or three as their luma (ITU-R BT.601), as picture files know it; uint8 or float32."""
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    luma = image @ np.array([0.299, 0.587, 0.114])
    return (np.round(luma) if image.dtype == np.uint8 else luma).astype(image.dtype)[..., None]
