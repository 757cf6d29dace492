"""Picture files to pixels and back, by Pillow: threads decode side by side, and no framework is loaded for it."""

import io

import numpy as np
from PIL import ExifTags, Image, ImageOps

SIGNATURES = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF8", "BMP": b"BM", "WEBP": b"RIFF"}

# Pillow's modes of one channel of up to 8 bits, of one of 16 or more, and of one with transparency.
_GREY, _DEEP, _VEILED = ("L", "1"), ("I", "F", "I;16", "I;16B", "I;16L"), ("LA", "La")


class Unreadable(Exception):
    """No picture; the text says why."""


def read(path):
    """The bytes of a file; `Unreadable` where it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "it cannot be opened") from None


def decode(data):
    """The pixels of a file's bytes, uint8 (H, W, 1) or (H, W, 3): no transparency, the high byte of 16 bits, the first frame.

    Raises:
        Unreadable: when there is none to decode.
    """
    kind = next((kind for kind, start in SIGNATURES.items() if data.startswith(start)), None)
    if kind is None:
        raise Unreadable(f"it is no {', '.join(SIGNATURES)} file" if data else "the file is empty")
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return _pixels(_upright(image), kind)
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


def _pixels(image, kind):
    if image.mode in _DEEP:
        return (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)[..., None]
    if image.mode in _GREY and kind != "GIF":
        return np.asarray(image.convert("L"))[..., None]
    if image.mode in _VEILED:
        return np.ascontiguousarray(np.asarray(image.convert("LA"))[..., :1])
    if image.mode in ("RGBA", "RGBa"):
        return np.ascontiguousarray(np.asarray(image.convert("RGBA"))[..., :3])
    return np.asarray(image.convert("RGB"))


def encode_png(image):
    """The bytes of a PNG file of an image (H, W, 1 or 3), uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def resized(image, size):
    """An image (H, W, C), uint8, at another (height, width): bilinear, with the window as wide as what is left out."""
    planes = [Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR) for plane in np.moveaxis(image, -1, 0)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def with_channels(image, channels):
    """Grey repeated in three channels, or three as their luma (ITU-R BT.601), as picture files know it."""
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    return np.round(image @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]
