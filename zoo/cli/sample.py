"""`zoo sample`: generate images or rows of a table from a model's prior."""

from zoo.cli import reading
from zoo.cli.arguments import MODEL_HELP, whole_number

HELP = "generate images or rows from a model's prior"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("--output", required=True, help="folder to write PNG files to; for a table a .csv or .parquet file")
    parser.add_argument("-n", type=whole_number(1), default=64, help="number of examples (default: 64)")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="random seed (default: 0)")


def run(arguments):
    from zoo.modalities.modality import modality_of
    from zoo.models.registry import innermost
    from zoo.pretrained.resolve import resolve

    checkpoint = resolve(arguments.name)
    modality = modality_of(innermost(checkpoint.config))
    writer = modality.writer(arguments.output, checkpoint.data_shape)
    model = reading.build(checkpoint)
    from zoo.utils.models import check_autoencoder

    check_autoencoder(model, arguments.name)
    drawn = model.sample(arguments.n, seed=arguments.seed)
    with writer:
        writer.write(modality.returned(drawn, None), None)
    print(f"wrote {writer.count} {modality.unit}s to {arguments.output}")
