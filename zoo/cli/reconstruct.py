"""`zoo reconstruct`: write a model's reconstructions of images or tables; a restoration model restores degraded images."""

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
    from zoo.utils.models import check_autoencoder

    check_autoencoder(model, arguments.name)
    # A folder contains images to restore; a data set contains original images.
    stream = reading.stream(arguments, modality, model.degraded_shape)
    with writer:
        for ids, batch, raw in reading.checked(stream, modality, model.data_shape, model.degraded_shape):
            writer.write(merge(model.reconstruct(raw, arguments.batch_size), batch), ids)
    print(f"wrote {writer.count} {modality.unit}s to {arguments.output}")
