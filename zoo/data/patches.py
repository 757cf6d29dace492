"""Patches of photographs, for training."""

from pathlib import Path

import numpy as np

from zoo.data.image_stream import same_dtype
from zoo.data.photographs import photographs
from zoo.data.sources import Data
from zoo.errors import ZooError


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
    return Data(images, None, [str(i) for i in range(len(images))], name, "")
