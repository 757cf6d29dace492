"""Shared by the commands that read images: the source, its batches with a progress bar, and the model."""

import sys

from zoo.errors import ZooError
from zoo.utils.quiet import load_quietly
from zoo.utils.streams import say


def source_of(arguments):
    """The source that the arguments name. Raises ZooError if it is invalid, before a framework is loaded, which takes seconds."""
    from zoo.data.sources import kind_of
    from zoo.data.writers import check_apart

    source = arguments.source or arguments.input
    if not source or (arguments.source and arguments.input):
        raise ZooError("give the images either as SOURCE or with --input: a folder, .npy, .npz or .parquet file, or TFDS name.")
    kind_of(source)
    if arguments.output:
        check_apart(source, arguments.output)
    return source


def reading_options(arguments):
    """Keyword arguments of every stream that say how to read the source."""
    return dict(
        split=arguments.split,
        data_dir=arguments.data_dir,
        resize=arguments.resize,
        skip_unreadable=arguments.skip_unreadable,
    )


def stream(arguments, source, shape):
    """The stream of a source for a model with inputs of shape `shape`, without the batch axis."""
    from zoo.data import sources
    from zoo.modalities.image import image_file_shape

    return sources.stream(source, arguments.batch_size, image_file_shape(shape), **reading_options(arguments))


def with_progress(stream):
    """Yields the batches of a stream, with a progress bar on a terminal; prints its notes and skipped images at the end."""
    from tqdm import tqdm

    with tqdm(total=stream.total, unit="image", disable=None, file=sys.stderr) as bar:
        for ids, batch in stream:
            yield ids, batch
            bar.update(len(batch))
    print_notes(stream)


def print_notes(read):
    """Print on standard error the notes on how a stream or `Data` was read, and which images were skipped."""
    from zoo.data.notes import notes_of

    for line in notes_of(read):
        say(f"zoo: {line}")


def checked(stream, *shapes):
    """Yields the batches of a stream of images. Raises ZooError if none of `shapes` fits; it names the last one."""
    from zoo.modalities.image import check_images

    for ids, images in with_progress(stream):
        yield ids, check_images(images, images.shape[1:] if images.shape[1:] in shapes else shapes[-1])


def load(name):
    """The model of a name, folder or address. An invalid one is reported before a framework is loaded, which takes seconds."""
    from zoo.pretrained.resolve import resolve

    checkpoint = resolve(name)
    load_quietly()
    from zoo.pretrained.loading import load_checkpoint

    return load_checkpoint(checkpoint)


def load_image_model(name):
    """Like `load`, but raises ZooError unless the model is an autoencoder whose outputs can be written as image files."""
    model = load(name)
    from zoo.modalities.image import image_file_shape
    from zoo.utils.models import check_autoencoder

    check_autoencoder(model, name)
    if image_file_shape(model.data_shape) is None:
        raise ZooError(f"the outputs of this model have shape {model.data_shape}, expected 1 or 3 channels to write image files.")
    return model
