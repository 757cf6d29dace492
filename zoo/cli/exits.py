"""Errors of commands: one line on standard error, and an exit code."""

import sys

from zoo.errors import ZooError
from zoo.utils.distributions import install_command

# Errors that a user can cause or encounter; any other is a defect of the zoo and keeps its traceback.
FAULTS = (ZooError, ModuleNotFoundError, OSError, MemoryError, KeyboardInterrupt)


def report(fault, who="zoo"):
    """Print one of `FAULTS` as a line that begins with `who`; returns the exit code: 130 on Ctrl-C, otherwise 2."""
    print(f"{who}: {' '.join(_message(fault).split())}", file=sys.stderr)
    return 130 if isinstance(fault, KeyboardInterrupt) else 2


def _message(fault):
    if isinstance(fault, ModuleNotFoundError):
        return f"the package {fault.name!r} is missing; install it: {install_command(fault.name)}" if fault.name else str(fault)
    if isinstance(fault, OSError):
        return f"{fault.filename or 'a file'}: {fault.strerror or fault}"
    if isinstance(fault, MemoryError):
        return "out of memory; give a smaller --batch-size"
    return str(fault) or "interrupted"
