"""`zoo score`: compute anomaly scores of images; higher is more anomalous."""

from zoo.cli import images
from zoo.cli.arguments import add_images
from zoo.errors import ZooError

HELP = "compute anomaly scores of images; higher is more anomalous"
_SCORES = ("reconstruction", "likelihood", "knn", "combined")
_COMPARING = ("knn", "combined")


def add_arguments(parser):
    add_images(parser)
    parser.add_argument("--output", required=True, help="file to write: .npz, .npy, .csv or .parquet")
    parser.add_argument("--by", default=_SCORES[0], choices=_SCORES, help="kind of anomaly score (default: reconstruction)")
    parser.add_argument("--normal", help="normal images, for knn and combined: folder, .npy or .npz file, or TFDS name")
    parser.add_argument("--normal-split", default="train", help="split of the data set of normal images (default: train)")


def run(arguments):
    from zoo.data.sources import kind_of
    from zoo.data.writers import open_writer

    source = images.source_of(arguments)
    if arguments.normal:
        if arguments.by not in _COMPARING:
            raise ZooError(f"--normal has no effect with --by {arguments.by}; use it with --by knn or --by combined.")
        kind_of(arguments.normal)
    elif arguments.by in _COMPARING:
        raise ZooError(f"the anomaly score {arguments.by!r} requires normal images; give them with --normal.")
    writer = open_writer(arguments.output, "score")
    model = images.load(arguments.name)
    from zoo.anomaly import AnomalyDetector

    detector = AnomalyDetector(model, arguments.by)
    if detector.needs_fit:
        detector.fit(_normal_images(arguments, model), arguments.batch_size)
    with writer:
        for ids, batch in images.checked(images.stream(arguments, source, model.data_shape), model.data_shape):
            writer.write(ids, detector.score(batch, arguments.batch_size)[:, None])
    print(f"wrote {writer.count} x {writer.width} scores to {arguments.output}")


def _normal_images(arguments, model):
    from zoo.data import sources
    from zoo.modalities.image import image_file_shape

    found = sources.load(
        arguments.normal,
        arguments.normal_split,
        arguments.data_dir,
        image_shape=image_file_shape(model.data_shape),
        resize=arguments.resize,
        skip_unreadable=arguments.skip_unreadable,
    )
    images.print_notes(found)
    return found.images
