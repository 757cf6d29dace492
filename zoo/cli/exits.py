"""Errors and warnings of commands: one line on standard error, and an exit code."""

import contextlib
import sys
import warnings

from zoo.errors import ZooError, ZooWarning
from zoo.utils.distributions import install_command
from zoo.utils.streams import say

# Errors that a user can cause or encounter; any other is a defect of the zoo and keeps its traceback.
FAULTS = (ZooError, ModuleNotFoundError, OSError, MemoryError, KeyboardInterrupt)


def report(fault, who="zoo"):
    """Print one of `FAULTS` as a line that begins with `who`; returns the exit code: 130 on Ctrl-C, otherwise 2."""
    print(f"{who}: {' '.join(_message(fault).split())}", file=sys.stderr)
    return 130 if isinstance(fault, KeyboardInterrupt) else 2


@contextlib.contextmanager
def warnings_as_lines(who="zoo"):
    """Within the block, a `ZooWarning` is printed as a line that begins with `who`, without the place in the code; others are
    printed as usual."""
    usual = warnings.showwarning

    def show(message, category, *place, **more):
        if issubclass(category, ZooWarning):
            say(f"{who}: {' '.join(str(message).split())}")
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _message(fault):
    if isinstance(fault, ModuleNotFoundError):
        return f"the package {fault.name!r} is missing; install it: {install_command(fault.name)}" if fault.name else str(fault)
    if isinstance(fault, OSError):
        return f"{fault.filename or 'a file'}: {fault.strerror or fault}"
    if isinstance(fault, MemoryError):
        return "out of memory; give a smaller --batch-size"
    return str(fault) or "interrupted"
