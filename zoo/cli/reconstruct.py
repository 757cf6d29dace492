"""`zoo reconstruct`: write a model's reconstructions of images or tables; a restoration model restores degraded images of any
size."""

import sys

from zoo.cli import reading
from zoo.cli.arguments import add_data

HELP = "write a model's reconstructions, or restored images by a restoration model"


def add_arguments(parser):
    add_data(parser)
    parser.add_argument("--output", required=True, help="folder to write PNG files to; for a table a .csv or .parquet file")
    parser.add_argument("--only-gaps", action="store_true", help="of a table, keep the values and reconstruct missing ones only")


def run(arguments):
    checkpoint, modality = reading.checkpoint_of(arguments)
    merge = modality.fill if arguments.only_gaps else modality.returned
    writer = modality.writer(arguments.output, checkpoint.data_shape)
    model = reading.build(checkpoint)
    from zoo.data.sources import kind_of
    from zoo.models.base.restoring import RestoringAutoencoder
    from zoo.utils.models import check_autoencoder

    check_autoencoder(model, arguments.name)
    own_sizes = isinstance(model, RestoringAutoencoder) and not arguments.resize
    with writer:
        if own_sizes and kind_of(reading.source_of(arguments)) == "folder":
            _write_photographs(writer, arguments, reading.source_of(arguments), model)
        else:
            _write_rows(writer, arguments, modality, model, merge)
    print(f"wrote {writer.count} {modality.unit}s to {arguments.output}")


def _write_rows(writer, arguments, modality, model, merge):
    # A folder contains images to restore; a data set contains original images.
    stream = reading.stream(arguments, modality, model.degraded_shape)
    for ids, batch, raw in reading.checked(stream, modality, model.data_shape, model.degraded_shape):
        writer.write(merge(model.reconstruct(raw, arguments.batch_size), batch), ids)


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
    reading.print_notes(stream)


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
