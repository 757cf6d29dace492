"""`zoo reconstruct`: write a model's reconstructions of images; a restoration model restores degraded images."""

from zoo.cli import images
from zoo.cli.arguments import add_images

HELP = "write a model's reconstructions of images, or restored images by a restoration model"


def add_arguments(parser):
    add_images(parser)
    parser.add_argument("--output", required=True, help="folder to write PNG files to")


def run(arguments):
    from zoo.data.writers import ImageFolder

    source = images.source_of(arguments)
    folder = ImageFolder(arguments.output)
    model = images.load_image_model(arguments.name)
    # A folder contains images to restore; a data set contains original images.
    stream = images.stream(arguments, source, model.degraded_shape)
    with folder:
        for ids, batch in images.checked(stream, model.data_shape, model.degraded_shape):
            folder.write(model.reconstruct(batch, arguments.batch_size), ids)
    print(f"wrote {folder.count} images to {arguments.output}")
