"""The command line: `zoo COMMAND ...`. Thin: each command calls what the Python user calls."""

import importlib
import os
import sys

from zoo.cli import exits
from zoo.cli.arguments import Parser
from zoo.errors import ZooError, suggest
from zoo.utils import streams

# One module of this package a command, in the order of `zoo --help`. Each has HELP, `add_arguments(parser)` and
# `run(arguments)`, which returns an exit code or None for 0; frameworks are imported by `run` alone.
COMMANDS = (
    "list",
    "info",
    "encode",
    "reconstruct",
    "score",
    "sample",
    "train",
    "finetune",
    "tune",
    "evaluate",
    "export",
    "convert",
    "gallery",
    "push",
    "verify",
)


def main(argv=None):
    """Run a command; returns its exit code: 0, 1 after a failed check, 2 after a line that says what is wrong, 130 on Ctrl-C."""
    # Before anything imports a framework: TensorFlow's notes to developers are noise to a user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    streams.harden()
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(argv) or 0
        # Now, where a closed pipe can still be answered for; Python does it later, and complains.
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse ends so after --help
        return end.code or 0
    except BrokenPipeError:
        # The reader of a pipe has seen enough; Python must not complain of it when it ends either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except exits.FAULTS as fault:
        return exits.report(fault)


def _run(argv):
    if argv and not argv[0].startswith("-") and argv[0] not in COMMANDS:
        raise ZooError(f"there is no command {argv[0]!r}.{suggest(argv[0], COMMANDS)} There are {', '.join(COMMANDS)}.")
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not hasattr(arguments, "run"):
        parser.print_help()
        return 0
    return arguments.run(arguments)


def _parser():
    parser = Parser(prog="zoo", description="Pretrained autoencoders for Keras.")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        command = importlib.import_module(f"zoo.cli.{name}")
        sub = commands.add_parser(name, help=command.HELP, description=command.__doc__.partition(": ")[2])
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
