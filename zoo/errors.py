"""The one error that people see, and the hint that goes with a misspelt name."""

import difflib


class ZooError(ValueError):
    """Bad input. Its message says what came, what was expected, and what to do; the command line prints it as one line."""


def suggest(name, choices):
    """Return " Did you mean ...?" for the nearest of `choices`, or an empty string when none is near."""
    near = difflib.get_close_matches(str(name), list(choices), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
