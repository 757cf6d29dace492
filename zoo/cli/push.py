"""`zoo push`: put a model on the Hugging Face Hub, with a card."""

from zoo.cli.arguments import MODEL_HELP
from zoo.utils.quiet import load_quietly

HELP = "put a model on the Hugging Face Hub, with a card"


def add_arguments(parser):
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("address", help="hf://user/repo")
    parser.add_argument("--private", action="store_true", help="hide a new repository from others")
    parser.add_argument("--message", help="of the commit")


def run(arguments):
    load_quietly()
    from zoo.pretrained.hub import push

    print(f"pushed to {push(arguments.name, arguments.address, arguments.private, arguments.message)}")
