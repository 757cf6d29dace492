"""Images of a source, each in its own size."""

from pathlib import Path

from zoo.data import sources
from zoo.data.folder_stream import FolderStream
from zoo.data.image_files import with_channels
from zoo.data.image_folder import scan


class PhotographStream(FolderStream):
    """Pairs of the id and the image (H, W, 1 or 3) of the images under a folder, uint8 0..255, or float32 0..1 for 16 bits.

    Images keep their size and are gray or in color as in their files; memory is that of three images. See `FolderStream` for ids,
    `skipped`, `notes` and errors.

    Args:
        folder: path.
        split: "train", "test" or "validation", of a folder with splits.
        skip_unreadable: skip images that cannot be read instead of raising ZooError.
    """

    own_shapes = True

    def __init__(self, folder, split="test", skip_unreadable=False):
        found = scan(Path(folder))
        super().__init__(found, 1, None, False, skip_unreadable, found.of_split(split))

    def __iter__(self):
        for ids, images in super().__iter__():
            yield ids[0], images[0]


def photographs(source, channels=None, split="test", data_dir=None):
    """List of images (H, W, channels), uint8 or float32, of a source; those of a folder may differ in size.

    Args:
        source, split, data_dir: as for `zoo.data.sources.load`.
        channels: 1 or 3, to which images of a folder are converted; with None they are as in their files.

    Raises:
        ZooError: as `zoo.data.sources.load`.
    """
    source = sources.located(source, data_dir)
    if sources.kind_of(source) != "folder":
        return list(sources.load(source, split, data_dir).images)
    return [with_channels(image, channels or image.shape[-1]) for _, image in PhotographStream(source, split)]
