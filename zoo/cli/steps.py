"""What `zoo score` does with a model of series: a score for every row, of a whole file or of rows as they are appended."""

import sys

from zoo.cli import reading
from zoo.errors import ZooError
from zoo.utils.streams import say


def run(arguments, checkpoint):
    """Score the rows of a file, or follow it."""
    if arguments.by or arguments.normal or arguments.maps:
        raise ZooError(
            "got --by, --normal or --maps for a model of series, whose scores are those of its own detector; omit them."
        )
    if arguments.idle is not None and not arguments.follow:
        raise ZooError("got --idle without --follow; it ends following a file.")
    if arguments.follow:
        return _follow(arguments, checkpoint)
    from zoo.data.writers import open_writer
    from zoo.modalities.table.files import open_stream

    writer = open_writer(arguments.output, "score")
    rows = open_stream(reading.source_of(arguments), 50_000)
    stream, alarms = _stream(arguments, checkpoint), 0
    with writer:
        for ids, x in reading.with_progress(rows, "row"):
            scores = stream.score(x)
            alarms += int((scores > stream.threshold.value).sum()) if stream.threshold else 0
            writer.write(ids, scores[:, None])
    print(f"wrote {writer.count} x {writer.width} scores to {arguments.output}")
    if stream.threshold:
        print(f"{alarms} alarms; {stream.threshold}")


def _stream(arguments, checkpoint):
    model = reading.build(checkpoint)
    from zoo.detection.series import SeriesStream

    return SeriesStream(model, arguments.batch_size)


def _follow(arguments, checkpoint):
    """Write "row,score,alarm" for each row of a file, and for those appended later, to a new file or the standard output."""
    import contextlib

    from zoo.modalities.series.tail import appended_rows

    stream = _stream(arguments, checkpoint)
    say(f"zoo: {stream.threshold or 'the model has no threshold: scores are its errors'}; scores depend on earlier rows only.")
    with contextlib.ExitStack() as opened:
        out = sys.stdout
        if arguments.output:
            try:
                out = opened.enter_context(open(arguments.output, "x", encoding="utf-8"))
            except FileExistsError:
                raise ZooError(f"{arguments.output} exists; choose another name, or remove it.") from None
            except OSError as error:
                raise ZooError(f"cannot write {arguments.output}: {error.strerror}.") from None
        print("row,score,alarm", file=out, flush=True)
        row = 0
        for x in appended_rows(reading.source_of(arguments), arguments.idle):
            for number, score in _scores(stream, x):
                alarm = int(score > stream.threshold.value) if stream.threshold else ""
                print(f"{row + number},{score:.6g},{alarm}", file=out)
            out.flush()
            row += len(x)


def _scores(stream, x):
    """Yields (row, score) of the rows of a data frame; rows that cannot be scored are named on standard error, and left out."""
    try:
        yield from enumerate(stream.score(x))
    except ZooError:
        # One by one, so that a single row does not end the others; `score` changes nothing where it fails.
        for i in range(len(x)):
            try:
                yield i, stream.score(x.iloc[i : i + 1])[0]
            except ZooError as fault:
                say(f"zoo: a row is left out: {fault}")
