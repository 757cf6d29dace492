"""Shared by the commands that read data with a model: the source, its batches with a progress bar, and the model."""

import sys

from zoo.errors import ZooError
from zoo.utils.quiet import load_quietly
from zoo.utils.streams import say


def checkpoint_of(arguments):
    """The `Checkpoint` that the arguments name, and its `Modality`. Loads no framework, which takes seconds.

    Raises:
        ZooError: if the name is unknown, or the source or the output is missing or invalid.
    """
    from zoo.data.writers import check_apart
    from zoo.modalities.modality import modality_of
    from zoo.models.registry import innermost
    from zoo.pretrained.resolve import resolve

    source = source_of(arguments)
    checkpoint = resolve(arguments.name)
    modality = modality_of(innermost(checkpoint.config))
    modality.check_source(source)
    if arguments.output:
        check_apart(source, arguments.output)
    return checkpoint, modality


def source_of(arguments):
    """The source that the arguments name. Raises ZooError unless it is given once."""
    source = arguments.source or arguments.input
    if not source or (arguments.source and arguments.input):
        raise ZooError(
            "give the data either as SOURCE or with --input: a folder of images, a .npy, .npz, .csv or .parquet file, or a TFDS "
            "name."
        )
    return source


def reading_options(arguments):
    """Keyword arguments of every stream that say how to read the source."""
    return dict(
        split=arguments.split,
        data_dir=arguments.data_dir,
        resize=arguments.resize,
        skip_unreadable=arguments.skip_unreadable,
    )


def stream(arguments, modality, shape):
    """The stream of the source for a model with inputs of shape `shape`, without the batch axis."""
    return modality.stream(source_of(arguments), arguments.batch_size, shape, **reading_options(arguments))


def with_progress(stream, unit="image"):
    """Yields the batches of a stream, with a progress bar on a terminal; prints its notes and skipped images at the end."""
    from tqdm import tqdm

    with tqdm(total=stream.total, unit=unit, disable=None, file=sys.stderr) as bar:
        for ids, batch in stream:
            yield ids, batch
            bar.update(len(batch))
    print_notes(stream)


def print_notes(read):
    """Print on standard error the notes on how a stream or `Data` was read, and which images were skipped."""
    from zoo.data.notes import notes_of

    for line in notes_of(read):
        say(f"zoo: {line}")


def checked(stream, modality, *shapes):
    """Yields (ids, batch, raw array) of a stream. Raises ZooError if none of `shapes` fits; it names the last one."""
    for ids, batch in with_progress(stream, modality.unit):
        shape = tuple(batch.shape[1:])
        yield ids, batch, modality.check(batch, shape if shape in shapes else shapes[-1])


def load(name):
    """The model of a name, folder or address. An invalid one is reported before a framework is loaded, which takes seconds."""
    from zoo.pretrained.resolve import resolve

    return build(resolve(name))


def build(checkpoint):
    """The model of a `Checkpoint`."""
    load_quietly()
    from zoo.pretrained.loading import load_checkpoint

    return load_checkpoint(checkpoint)
