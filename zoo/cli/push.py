"""`zoo push`: upload a model with its card to the Hugging Face Hub."""

from zoo.cli.arguments import MODEL_HELP
from zoo.utils.quiet import load_quietly

HELP = "upload a model with its card to the Hugging Face Hub"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("address", help="hf://user/repo")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--message", help="commit message")


def run(arguments):
    load_quietly()
    from zoo.pretrained.hub import push

    print(f"pushed to {push(arguments.name, arguments.address, arguments.private, arguments.message)}")
