"""Parsing of command-line arguments: the parser, the types and the groups of arguments that several commands share."""

import argparse

from zoo.errors import ZooError

MODEL_HELP = "a name that zoo list prints, the folder of a saved model, or an address: hf://user/repo, https://host/folder"


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that raises a `ZooError` where argparse prints its usage and exits."""

    def error(self, message):
        raise ZooError(f"{message}; see '{self.prog} --help'.")

    def parse_known_args(self, args=None, namespace=None):
        # Unknown arguments are refused by the parser of the command itself, so that the error names that command's --help.
        arguments, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return arguments, unknown


def whole_number(least):
    """A type for argparse: a whole number, at least `least`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of at least {least}")
        return number

    return parse


def number_or_word(text):
    """A type for argparse: an `int` where the text is a whole number, else the text."""
    return int(text) if text.isdigit() else text


def names(text):
    """A type for argparse: a tuple of the names in a text with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def add_images(parser, batch_size=256):
    """Add the arguments of a command that reads images with a model."""
    parser.add_argument("name", help=MODEL_HELP)
    parser.add_argument("source", nargs="?", help="a folder of images, a .npy, .npz or .parquet file, or a TFDS name")
    parser.add_argument("--input", help="the same as SOURCE")
    parser.add_argument("--split", default="test", help="the split of a data set (test)")
    add_data_dir(parser)
    parser.add_argument("--batch-size", type=whole_number(1), default=batch_size, help="images at a time")
    parser.add_argument("--resize", action="store_true", help="resize the images of a folder to the model's size")
    parser.add_argument("--skip-unreadable", action="store_true", help="leave out images that cannot be read")


def add_data_dir(parser):
    """Add --data-dir."""
    parser.add_argument("--data-dir", help="the folder of TFDS data (TFDS's default)")


def add_depth(parser):
    """Add --layer and --pool, which choose the features."""
    parser.add_argument("--layer", help="the encoder layer whose features to read (default: the code)")
    parser.add_argument(
        "--pool",
        type=number_or_word,
        help="pooling of feature maps or tokens: flatten, mean, or a number of regions a side; of tokens also token",
    )
