"""Parsing of command-line arguments: the parser, the types and the groups of arguments that several commands share."""

import argparse

from zoo.errors import ZooError

MODEL_HELP = "a name that zoo list prints, the folder of a saved model, or an address: hf://user/repo, https://host/folder"


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that raises a `ZooError` instead of printing the usage and exiting."""

    def error(self, message):
        raise ZooError(f"{message}; see '{self.prog} --help'.")

    def parse_known_args(self, args=None, namespace=None):
        # The parser of the command itself rejects unknown arguments, so that the error names the --help of that command.
        arguments, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return arguments, unknown


def whole_number(least):
    """Returns a type for argparse: an integer of at least `least`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected an integer of at least {least}")
        return number

    return parse


def number_or_word(text):
    """A type for argparse: an `int` if the text consists of digits, otherwise the text."""
    return int(text) if text.isdigit() else text


def names(text):
    """A type for argparse: a tuple of names, separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def add_data(parser, batch_size=256):
    """Add the arguments of a command that reads images or tables with a model."""
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("source", nargs="?", help="a folder of images, a .npy, .npz, .csv or .parquet file, or a TFDS name")
    parser.add_argument("--input", help="another way to give SOURCE")
    parser.add_argument("--split", default="test", help="split of the data set to read (default: test)")
    add_data_dir(parser)
    text = f"number of images or rows per batch (default: {batch_size or 'that of the runtime'})"
    parser.add_argument("--batch-size", type=whole_number(1), default=batch_size, help=text)
    parser.add_argument("--resize", action="store_true", help="resize image files to the input size of the model")
    parser.add_argument("--skip-unreadable", action="store_true", help="skip images that cannot be read, and list them")


def add_data_dir(parser):
    """Add --data-dir."""
    parser.add_argument("--data-dir", help="folder of the TFDS data (default: that of TFDS)")


def add_depth(parser):
    """Add --layer and --pool, which select the features."""
    parser.add_argument("--layer", help="encoder depth whose features to use (default: the features that the set encodes to)")
    parser.add_argument(
        "--pool",
        type=number_or_word,
        help="pooling of feature maps or tokens: flatten, mean, a number of regions per side, or token (tokens only)",
    )
