"""`zoo score`: compute anomaly scores of images, or the rows of a table or a series, and draw where images are anomalous; higher
is more anomalous."""

import contextlib
from pathlib import Path

from zoo.cli import reading, steps
from zoo.cli.arguments import add_data
from zoo.errors import ZooError

HELP = "compute anomaly scores of images or rows, and maps of images; higher is more anomalous"
_SCORES = ("reconstruction", "map", "likelihood", "knn", "combined", "patches")
_COMPARING = ("knn", "combined", "patches")
# The scores that come with maps, and the meaning of their values.
_MAPPED = {
    "reconstruction": "squared error of the reconstruction, smoothed",
    "map": "squared error of the reconstruction, smoothed",
    "patches": "distance of the features to those of normal images, smoothed",
}


def add_arguments(parser):
    add_data(parser)
    parser.add_argument(
        "--output",
        help="file to write the scores to: .npz, .npy, .csv or .parquet; with --follow a .csv file (default: the screen)",
    )
    parser.add_argument("--maps", metavar="FOLDER", help="new folder to write heat maps over the images to, as PNG files")
    text = "kind of anomaly score (default: reconstruction; with --maps and --normal: patches)"
    parser.add_argument("--by", choices=_SCORES, help=text)
    parser.add_argument(
        "--normal",
        help="normal images or rows, for knn, combined and patches: folder, file or TFDS name; for patches also a "
        ".safetensors file of PatchDetector.save",
    )
    parser.add_argument("--normal-split", default="train", help="split of the data set of normal images (default: train)")
    parser.add_argument("--follow", action="store_true", help="of a series, score rows as they are appended to a .csv file")
    parser.add_argument(
        "--idle", type=float, metavar="SECONDS", help="with --follow, end after so long without a row (default: never)"
    )


def run(arguments):
    from zoo.data.writers import check_apart, open_writer

    by = arguments.by or ("patches" if arguments.maps and arguments.normal else _SCORES[0])
    if not (arguments.output or arguments.maps or arguments.follow):
        raise ZooError("give a file for the scores with --output, a folder for heat maps with --maps, or both.")
    if arguments.maps and by not in _MAPPED:
        raise ZooError(f"the anomaly score {by!r} has no map; use --maps with --by {', '.join(_MAPPED)}.")
    checkpoint, modality = reading.checkpoint_of(arguments)
    if modality.by_step:
        return steps.run(arguments, checkpoint)
    if arguments.follow or arguments.idle is not None:
        raise ZooError(f"got --follow or --idle, but the model is one of {modality.unit}s, expected one of series.")
    if arguments.normal:
        if by not in _COMPARING:
            raise ZooError(f"--normal has no effect with --by {by}; use it with --by {', '.join(_COMPARING)}.")
        if not (by == "patches" and _is_saved(arguments.normal)):
            modality.check_source(arguments.normal)
    elif by in _COMPARING:
        raise ZooError(f"the anomaly score {by!r} requires normal {modality.unit}s; give them with --normal.")
    if arguments.maps:
        check_apart(reading.source_of(arguments), arguments.maps, inside=True)
    with contextlib.ExitStack() as opened:
        writer = open_writer(arguments.output, "score") if arguments.output else None
        drawn = _heat_maps(arguments.maps, by) if arguments.maps else None
        model = reading.build(checkpoint)
        if drawn:
            _check_drawable(model)
        score = _scorer(arguments, by, model, bool(drawn))
        for output in (writer, drawn):
            if output:
                opened.enter_context(output)
        stream = reading.stream(arguments, modality, model.data_shape)
        for ids, _, raw in reading.checked(stream, modality, model.data_shape):
            scores, maps = score(raw)
            if writer:
                writer.write(ids, scores[:, None])
            if drawn:
                drawn.add(maps)
        if drawn:
            drawn.draw(stream)
    if writer:
        print(f"wrote {writer.count} x {writer.width} scores to {arguments.output}")
    if drawn:
        print(
            f"wrote {drawn.count} heat maps to {arguments.maps}, colors from {drawn.low:.4g} to {drawn.high:.4g} "
            f"({drawn.label}); legend: {drawn.legend}"
        )


def _heat_maps(path, by):
    from zoo.anomaly.heat_maps import HeatMaps

    return HeatMaps(path, _MAPPED[by])


def _check_drawable(model):
    from zoo.modalities.image import image_file_shape

    if image_file_shape(model.data_shape) is None:
        raise ZooError(f"heat maps require images with 1 or 3 channels; the inputs of this model have shape {model.data_shape}.")


def _is_saved(normal):
    return Path(normal).suffix == ".safetensors"


def _scorer(arguments, by, model, with_maps):
    """Function from images to their scores (N,) and maps (N, H, W), or None instead of maps."""
    size = arguments.batch_size
    if by == "patches":
        from zoo.anomaly import PatchDetector

        if _is_saved(arguments.normal):
            detector = PatchDetector.load(arguments.normal, model)
        else:
            detector = PatchDetector(model).fit(_normal_data(arguments, model), size)
        return lambda batch: detector.maps_and_scores(batch, size)[::-1]
    from zoo.anomaly import AnomalyDetector, robust_maximum

    detector = AnomalyDetector(model, by)
    if detector.needs_fit:
        detector.fit(_normal_data(arguments, model), size)
    if not with_maps:
        return lambda batch: (detector.score(batch, size), None)

    def score(batch):
        maps = model.anomaly_map(batch, size)
        return robust_maximum(maps) if by == "map" else detector.score(batch, size), maps

    return score


def _normal_data(arguments, model):
    options = {**reading.reading_options(arguments), "split": arguments.normal_split}
    found = model.modality.load(arguments.normal, model.data_shape, **options)
    reading.print_notes(found)
    return found.images
