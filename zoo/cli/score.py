"""`zoo score`: compute anomaly scores of images, or the rows of a table or series; higher is more anomalous."""

from zoo.cli import reading, steps
from zoo.cli.arguments import add_data
from zoo.errors import ZooError

HELP = "compute anomaly scores of images or rows; higher is more anomalous"
_SCORES = ("reconstruction", "likelihood", "knn", "combined")
_COMPARING = ("knn", "combined")


def add_arguments(parser):
    add_data(parser)
    parser.add_argument(
        "--output",
        required=True,
        help="file to write: .npz, .npy, .csv or .parquet; with --follow a .csv file, or - for the screen",
    )
    parser.add_argument("--by", default=_SCORES[0], choices=_SCORES, help="kind of anomaly score (default: reconstruction)")
    parser.add_argument("--normal", help="normal images or rows, for knn and combined: folder, file or TFDS name")
    parser.add_argument("--normal-split", default="train", help="split of the data set of normal examples (default: train)")
    parser.add_argument("--follow", action="store_true", help="of a series, score rows as they are appended to a .csv file")
    parser.add_argument(
        "--idle", type=float, metavar="SECONDS", help="with --follow, end after so long without a row (default: never)"
    )


def run(arguments):
    from zoo.data.writers import open_writer

    checkpoint, modality = reading.checkpoint_of(arguments)
    if modality.by_step:
        return steps.run(arguments, checkpoint, modality)
    if arguments.follow or arguments.idle is not None:
        raise ZooError(f"got --follow or --idle, but the model is one of {modality.unit}s, expected one of series.")
    if arguments.normal:
        if arguments.by not in _COMPARING:
            raise ZooError(f"--normal has no effect with --by {arguments.by}; use it with --by knn or --by combined.")
        modality.check_source(arguments.normal)
    elif arguments.by in _COMPARING:
        raise ZooError(f"the anomaly score {arguments.by!r} requires normal examples; give them with --normal.")
    writer = open_writer(arguments.output, "score")
    model = reading.build(checkpoint)
    from zoo.anomaly import AnomalyDetector

    detector = AnomalyDetector(model, arguments.by)
    if detector.needs_fit:
        detector.fit(_normal_data(arguments, modality, model.data_shape), arguments.batch_size)
    with writer:
        for ids, _, raw in reading.checked(reading.stream(arguments, modality, model.data_shape), modality, model.data_shape):
            writer.write(ids, detector.score(raw, arguments.batch_size)[:, None])
    print(f"wrote {writer.count} x {writer.width} scores to {arguments.output}")


def _normal_data(arguments, modality, shape):
    options = {**reading.reading_options(arguments), "split": arguments.normal_split}
    found = modality.load(arguments.normal, shape, **options)
    reading.print_notes(found)
    return found.images
