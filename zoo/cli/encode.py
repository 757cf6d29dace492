"""`zoo encode`: compute features of images or the rows of a table."""

import dataclasses

from zoo.cli import reading
from zoo.cli.arguments import add_data, add_depth
from zoo.inference.options import FeatureOptions
from zoo.inference.runtimes import RUNTIMES

HELP = "compute features of images or rows"


def add_arguments(parser):
    add_data(parser, batch_size=None)
    parser.add_argument(
        "--output", required=True, help="file to write: .npz, .npy, .csv or .parquet; with --ray a folder of .parquet files"
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="compute on a Ray cluster: local (start one here), auto, or host:port")
    parser.add_argument("--runtime", default="auto", help=f"{', '.join(RUNTIMES)} (default: auto, the fastest one installed)")
    parser.add_argument("--dtype", default="float32", help="precision of the computation: float32 (default), bfloat16 or int8")
    add_depth(parser)


def run(arguments):
    checkpoint, modality = reading.checkpoint_of(arguments)
    source = reading.source_of(arguments)
    given = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(FeatureOptions)}
    options = FeatureOptions(**{**given, "batch_size": arguments.batch_size or "auto"})
    if arguments.ray:
        from zoo.inference.ray import FeatureJob

        written = FeatureJob(arguments.name, source, arguments.output, arguments.ray, options)
        for _ in reading.with_progress(written):
            pass
    else:
        from zoo.data.writers import open_writer
        from zoo.inference.features import FeatureStream

        written = open_writer(arguments.output)
        stream = FeatureStream(arguments.name, source, options)
        with written:
            for ids, rows in reading.with_progress(stream, modality.unit):
                written.write(ids, rows)
    print(f"wrote {written.count} x {written.width} features to {arguments.output}")
