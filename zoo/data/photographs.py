"""Images of a source, each in its own size, and patches of them for training."""

from pathlib import Path

import numpy as np

from zoo.data import sources
from zoo.data.image_files import Unreadable, decode, read, with_channels
from zoo.data.image_folder import scan
from zoo.data.image_stream import same_dtype, unreadable
from zoo.errors import ZooError


def photographs(source, channels, split="test", data_dir=None):
    """List of images (H, W, channels), uint8 or float32, of a source; those of a folder may differ in size.

    Args:
        source, split, data_dir: as for `zoo.data.sources.load`.
        channels: 1 or 3; images of a folder are converted to it.

    Raises:
        ZooError: as `zoo.data.sources.load`.
    """
    source = sources.located(source, data_dir)
    if sources.kind_of(source) != "folder":
        return list(sources.load(source, split, data_dir).images)
    found, images = scan(Path(source)), []
    for path in found.of_split(split):
        try:
            reason = found.unreadable.get(path)
            if reason:
                raise Unreadable(reason)
            images.append(with_channels(decode(read(path)).pixels, channels))
        except Unreadable as reason:
            raise unreadable(path, reason) from None
    return images


def patches(source, shape, per_image, seed=0, data_dir=None):
    """A `zoo.data.sources.Data` of patches of the photographs of a source, cut at random positions.

    Args:
        source, data_dir: as for `zoo.data.sources.load`.
        shape: (height, width, 1 or 3) of a patch.
        per_image: number of patches of each photograph.
        seed: of the positions.

    Raises:
        ZooError: as `zoo.data.sources.load`, and if a photograph is smaller than a patch.
    """
    height, width, channels = shape
    rng, parts = np.random.default_rng(seed), []
    for number, image in enumerate(photographs(source, channels, "train", data_dir)):
        if image.shape[0] < height or image.shape[1] < width:
            raise ZooError(
                f"photograph {number} of {source} has {image.shape[0]} x {image.shape[1]} pixels, expected at least "
                f"{height} x {width}, the size of the patches."
            )
        windows = np.lib.stride_tricks.sliding_window_view(image, (height, width), axis=(0, 1))
        rows, columns = (rng.integers(count, size=per_image) for count in windows.shape[:2])
        # The window's axes come last.
        parts.append(np.moveaxis(windows[rows, columns], 1, -1))
    images = np.concatenate(same_dtype(parts))
    name = Path(source).name
    return sources.Data(images, None, [str(i) for i in range(len(images))], name, "")
