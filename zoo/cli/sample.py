"""`zoo sample`: draw images from a model's prior."""

from zoo.cli import images
from zoo.cli.arguments import MODEL_HELP, whole_number

HELP = "draw images from a model's prior"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("--output", required=True, help="a folder for PNG files")
    parser.add_argument("-n", type=whole_number(1), default=64, help="number of images (64)")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the draws (0)")


def run(arguments):
    from zoo.data.writers import ImageFolder

    folder = ImageFolder(arguments.output)
    model = images.load_for_pictures(arguments.name)
    drawn = model.sample(arguments.n, seed=arguments.seed)
    with folder:
        folder.write(drawn)
    print(f"wrote {folder.count} images to {arguments.output}")
