"""`zoo sample`: generate images from a model's prior."""

from zoo.cli import images
from zoo.cli.arguments import MODEL_HELP, whole_number

HELP = "generate images from a model's prior"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("--output", required=True, help="folder to write PNG files to")
    parser.add_argument("-n", type=whole_number(1), default=64, help="number of images (default: 64)")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="random seed (default: 0)")


def run(arguments):
    from zoo.data.writers import ImageFolder

    folder = ImageFolder(arguments.output)
    model = images.load_image_model(arguments.name)
    drawn = model.sample(arguments.n, seed=arguments.seed)
    with folder:
        folder.write(drawn)
    print(f"wrote {folder.count} images to {arguments.output}")
