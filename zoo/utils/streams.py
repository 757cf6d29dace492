"""Safe use of standard streams, which may have any encoding, be closed, or be missing, as under `pythonw`."""

import os
import sys


def harden():
    """Make the standard streams of a command safe to write to.

    Characters that the encoding of a stream lacks are written as escapes, such as \\u03b2. A closed or missing stream is replaced
    by the null device; otherwise the next opened file would get its number, and messages would be written to a user's file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Never closed, like the stream that it replaces.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_terminal(stream):
    """Whether a stream, which may be None or closed, is a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def say(line):
    """Print a line to standard error, if there is one."""
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def verbosity():
    """`verbose` for Keras's `fit`: a progress bar on a terminal, else a line per epoch; nothing without a standard output."""
    if sys.stdout is None or sys.stdout.closed:
        return 0
    return 1 if is_terminal(sys.stdout) else 2
