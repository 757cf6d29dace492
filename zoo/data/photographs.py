"""Images of a source, each in its own size."""

from pathlib import Path

from zoo.data import sources
from zoo.data.image_files import Unreadable, decode, read, with_channels
from zoo.data.image_folder import scan
from zoo.data.image_stream import unreadable


def photographs(source, channels, split="test", data_dir=None):
    """List of images (H, W, channels), uint8 or float32, of a source; those of a folder may differ in size.

    Args:
        source, split, data_dir: as for `zoo.data.sources.load`.
        channels: 1 or 3; images of a folder are converted to it.

    Raises:
        ZooError: as `zoo.data.sources.load`.
    """
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
