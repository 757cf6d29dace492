"""`zoo convert`: write a model of another library in the zoo's own format."""

from zoo.cli.arguments import whole_number
from zoo.utils.quiet import load_quietly

HELP = "write a model of another library in the zoo's own format"


def add_arguments(parser):
    parser.add_argument(
        "source", help="a public name, a folder, a .pth or .safetensors file, or hf://user/repo[@revision] or https://host/folder"
    )
    parser.add_argument("folder", help="folder to write the converted model to")
    parser.add_argument("--size", type=whole_number(1), nargs=2, metavar=("HEIGHT", "WIDTH"), help="size of the images in pixels")


def run(arguments):
    from zoo.pretrained.resolve import resolve

    checkpoint = resolve(arguments.source)
    if arguments.size:
        checkpoint = checkpoint.resized((*arguments.size, checkpoint.data_shape[-1]))
    load_quietly()
    from zoo.pretrained.loading import load_checkpoint, save

    model = load_checkpoint(checkpoint)
    save(model, arguments.folder)
    print(f"wrote {arguments.source} to {arguments.folder}: {model.count_params():,} parameters")
