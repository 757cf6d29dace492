"""`zoo convert`: write a model of transformers or diffusers in the zoo's own format."""

from zoo.cli.arguments import whole_number
from zoo.utils.quiet import load_quietly

HELP = "write a model of transformers or diffusers in the zoo's own format"


def add_arguments(parser):
    parser.add_argument("source", help="a public name, a folder, or hf://user/repo[@revision] or https://host/folder")
    parser.add_argument("folder", help="folder to write the converted model to")
    parser.add_argument("--size", type=whole_number(1), nargs=2, metavar=("HEIGHT", "WIDTH"), help="size of the images in pixels")


def run(arguments):
    load_quietly()
    from zoo.pretrained.loading import load, save

    model = load(arguments.source, (*arguments.size, 3) if arguments.size else None)
    save(model, arguments.folder)
    print(f"wrote {arguments.source} to {arguments.folder}: {model.count_params():,} parameters")
