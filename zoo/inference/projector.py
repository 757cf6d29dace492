"""Features for TensorBoard's embedding projector: a folder that `tensorboard --logdir` shows under "Projector"."""

import math
from pathlib import Path

import numpy as np

from zoo.data.image_files import encode_png, resized, with_channels
from zoo.errors import ZooError
from zoo.modalities.image import check_images, image_file_shape
from zoo.utils.files import write_atomically

# TensorBoard requires one image with all thumbnails, with sides of at most this many pixels.
_LARGEST = 8192
_THUMBNAIL = 32


def write_projector(folder, features, labels=None, images=None):
    """Write features, with labels and thumbnails, to `folder`.

    Args:
        folder: folder, which is created if it does not exist.
        features: (N, D), floats.
        labels: strings or numbers (N,), or a mapping of column name to such.
        images: (N, H, W, 1 or 3), uint8 0..255 or floats 0..1, shown as thumbnails.

    Raises:
        ZooError: if the numbers of features, labels and images differ, or there are too many images.
    """
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or not len(features) or not np.isfinite(features).all():
        raise ZooError(f"got features of shape {features.shape}, expected (N, D), finite, with N >= 1.")
    columns = labels if isinstance(labels, dict) else {} if labels is None else {"label": labels}
    for name, values in columns.items():
        if len(values) != len(features):
            raise ZooError(f"got {len(values)} values of {name!r} for {len(features)} features, expected one for each.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["embeddings {", '  tensor_name: "features"', '  tensor_path: "features.tsv"']
    if columns:
        write_atomically(folder / "labels.tsv", _table(columns))
        lines.append('  metadata_path: "labels.tsv"')
    if images is not None:
        picture, side = _sprite(images, len(features))
        write_atomically(folder / "images.png", encode_png(picture))
        lines += [
            "  sprite {",
            '    image_path: "images.png"',
            f"    single_image_dim: {side[1]}",
            f"    single_image_dim: {side[0]}",
            "  }",
        ]
    rows = "\n".join("\t".join(map(str, row)) for row in features)
    write_atomically(folder / "features.tsv", (rows + "\n").encode())
    # Written last, because it refers to the other files.
    write_atomically(folder / "projector_config.pbtxt", ("\n".join([*lines, "}"]) + "\n").encode())


def _table(columns):
    rows = [[" ".join(str(value).split()) for value in row] for row in zip(*columns.values())]
    # A single column has no header in the projector's format.
    head = [list(columns)] if len(columns) > 1 else []
    return ("\n".join("\t".join(row) for row in head + rows) + "\n").encode()


def _sprite(images, count):
    """One image with thumbnails of all images, and the (height, width) of a thumbnail."""
    images = check_images(images, np.shape(images)[1:])
    if len(images) != count or image_file_shape(images.shape[1:]) is None:
        raise ZooError(f"got images of shape {images.shape} for {count} features, expected ({count}, H, W, 1 or 3).")
    if images.dtype != np.uint8:
        images = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    height, width = images.shape[1:3]
    shrink = max(1.0, max(height, width) / _THUMBNAIL)
    side = (max(1, round(height / shrink)), max(1, round(width / shrink)))
    across = math.ceil(math.sqrt(count))
    if across * max(side) > _LARGEST:
        most = (_LARGEST // max(side)) ** 2
        raise ZooError(f"got {count} images, expected at most {most} thumbnails of {side[1]} x {side[0]}; show fewer.")
    picture = np.zeros((across * side[0], across * side[1], 3), np.uint8)
    for i, image in enumerate(images):
        top, left = i // across * side[0], i % across * side[1]
        small = image if image.shape[:2] == side else resized(image, side)
        picture[top : top + side[0], left : left + side[1]] = with_channels(small, 3)
    return picture, side
