"""Command-line arguments whose faults end in one line, as all bad input does."""

import argparse

from zoo.errors import ZooError


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that raises a `ZooError` where argparse prints its usage and exits."""

    def error(self, message):
        raise ZooError(f"{message}; see '{self.prog} --help'.")
