"""The command line: `zoo COMMAND ...`. Each command calls the public Python API."""

import importlib
import os
import sys

from zoo.cli import exits
from zoo.cli.arguments import Parser
from zoo.errors import ZooError, suggest
from zoo.utils import streams

# One module of this package per command, in the order of `zoo --help`. Each has HELP, `add_arguments(parser)` and
# `run(arguments)`, which returns an exit code or None for 0; only `run` imports frameworks.
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
    """Run a command; returns its exit code: 0, 1 if a check failed, 2 after an error message, 130 on Ctrl-C."""
    # Must be set before a framework is imported; TensorFlow's log messages are meant for developers.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    streams.harden()
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        with exits.warnings_as_lines():
            code = _run(argv) or 0
        # Flush here, where a closed pipe is handled below; Python would flush at exit and print an error.
        sys.stdout.flush()
        return code
    except SystemExit as end:  # argparse exits like this after --help
        return end.code or 0
    except BrokenPipeError:
        # The reader closed the pipe; redirect the output so that Python prints no error at exit.
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
