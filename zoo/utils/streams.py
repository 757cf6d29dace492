"""Standard streams as they come: in any encoding, closed, or missing, as under `pythonw`."""

import os
import sys


def harden():
    """Make the standard streams of a command safe to write to.

    What the encoding of a stream lacks is written as an escape, such as \\u03b2. A closed or missing stream becomes the null
    device: left closed, its number would be that of the next file to be opened, and messages would end up in a user's file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Not closed: it lives as long as the process, as what it stands for does.
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
    """`verbose` of Keras's `fit`: a progress bar on a terminal, else a line an epoch; nothing without a standard output."""
    if sys.stdout is None or sys.stdout.closed:
        return 0
    return 1 if is_terminal(sys.stdout) else 2
