"""`zoo reconstruct`: write a model's reconstructions of images; a restoration model restores degraded images of any size."""

import sys

from zoo.cli import images
from zoo.cli.arguments import add_images

HELP = "write a model's reconstructions of images, or restored images by a restoration model"


def add_arguments(parser):
    add_images(parser)
    parser.add_argument("--output", required=True, help="folder to write PNG files to")


def run(arguments):
    from zoo.data.sources import kind_of
    from zoo.data.writers import ImageFolder

    source = images.source_of(arguments)
    folder = ImageFolder(arguments.output)
    model = images.load_image_model(arguments.name)
    from zoo.models.base.restoring import RestoringAutoencoder

    own_sizes = isinstance(model, RestoringAutoencoder) and kind_of(source) == "folder" and not arguments.resize
    with folder:
        (_write_photographs if own_sizes else _write_images)(folder, arguments, source, model)
    print(f"wrote {folder.count} images to {arguments.output}")


def _write_images(folder, arguments, source, model):
    # A folder contains images to restore; a data set contains original images.
    stream = images.stream(arguments, source, model.degraded_shape)
    for ids, batch in images.checked(stream, model.data_shape, model.degraded_shape):
        folder.write(model.reconstruct(batch, arguments.batch_size), ids)


def _write_photographs(folder, arguments, source, model):
    import numpy as np
    from tqdm import tqdm

    from zoo.data.photographs import PhotographStream
    from zoo.inference.pictures import restored_picture

    stream = PhotographStream(source, arguments.split, arguments.skip_unreadable)
    with tqdm(total=stream.total, unit="image", disable=None, file=sys.stderr) as bar:

        def watch(done, tiles):
            if tiles > 1:
                bar.set_postfix_str(f"{done} of {tiles} tiles")

        for group in _groups(stream, model.degraded_shape, arguments.batch_size):
            ids, parts = zip(*group)
            if parts[0].shape == model.degraded_shape:
                made = model.reconstruct(np.stack(parts), arguments.batch_size)
            else:
                made = [restored_picture(model, parts[0], watch)]
            folder.write(made, ids)
            bar.update(len(group))
    images.print_notes(stream)


def _groups(stream, shape, batch_size):
    """Lists of successive pairs of a stream: up to `batch_size` images of `shape` and of one dtype, or one image of another."""
    group = []
    for name, image in stream:
        fits = image.shape == shape
        if group and (not fits or len(group) == batch_size or group[0][1].dtype != image.dtype):
            yield group
            group = []
        if fits:
            group.append((name, image))
        else:
            yield [(name, image)]
    if group:
        yield group
