"""What commands that read images share: the source, its batches under a progress bar, the model."""

import sys

from zoo.errors import ZooError
from zoo.utils.quiet import load_quietly
from zoo.utils.streams import say


def source_of(arguments):
    """The one source that the arguments name; what can be wrong with it is said before a framework is loaded for seconds."""
    from zoo.data.sources import kind_of
    from zoo.data.writers import check_apart

    source = arguments.source or arguments.input
    if not source or (arguments.source and arguments.input):
        raise ZooError("give the images once: a folder, a .npy, .npz or .parquet file, or a TFDS name.")
    kind_of(source)
    check_apart(source, arguments.output)
    return source


def reading(arguments):
    """How to read the source, as every stream takes it."""
    return dict(
        split=arguments.split,
        data_dir=arguments.data_dir,
        resize=arguments.resize,
        skip_unreadable=arguments.skip_unreadable,
    )


def stream(arguments, source, shape):
    """The batches of a source for a model whose inputs have that shape."""
    from zoo.data import sources
    from zoo.modalities.image import image_file_shape

    return sources.stream(source, arguments.batch_size, image_file_shape(shape), **reading(arguments))


def watched(stream):
    """The batches of a stream, under a progress bar on a terminal, and what it left out or had to decide when it ends."""
    from tqdm import tqdm

    with tqdm(total=stream.total, unit="image", disable=None, file=sys.stderr) as bar:
        for ids, batch in stream:
            yield ids, batch
            bar.update(len(batch))
    tell(stream)


def tell(read):
    """Say on the standard error what a stream or `Data` left out, and what else there is to know of how it was read."""
    from zoo.data.left_out import left_out

    for line in [*read.notes, *left_out(read.skipped)]:
        say(f"zoo: {line}")


def checked(stream, *shapes):
    """The batches of a stream of images, checked to have one of the shapes: the last where they have none of them."""
    from zoo.modalities.image import check_images

    for ids, images in watched(stream):
        yield ids, check_images(images, images.shape[1:] if images.shape[1:] in shapes else shapes[-1])


def load(name):
    """The model of a name, folder or address; what is wrong with one is said before a framework is loaded for seconds."""
    from zoo.pretrained.resolve import resolve

    checkpoint = resolve(name)
    load_quietly()
    from zoo.pretrained.loading import load_checkpoint

    return load_checkpoint(checkpoint)


def load_for_pictures(name):
    """The same, of an autoencoder whose outputs can be written as pictures."""
    model = load(name)
    from zoo.modalities.image import image_file_shape
    from zoo.utils.models import check_autoencoder

    check_autoencoder(model, name)
    if image_file_shape(model.data_shape) is None:
        raise ZooError(f"the outputs of this model have shape {model.data_shape}, expected 1 or 3 channels to write pictures.")
    return model
