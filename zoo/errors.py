"""The error and warning classes of the zoo, and helpers for their messages."""

import difflib


class ZooError(ValueError):
    """Invalid input. The message states what was given, what was expected and what to do; commands print it as one line."""


class ZooWarning(UserWarning):
    """A fact about the result that the user should know; commands print it as one line."""


def suggest(name, choices):
    """Return " Did you mean ...?" for the nearest of `choices`, or an empty string if none is similar."""
    near = difflib.get_close_matches(str(name), list(choices), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""


def check_field(owner, field, right, wanted):
    """Raise a `ZooError` with the value of a field of `owner`, and what was `wanted` instead, unless the value is `right`."""
    if not right:
        raise ZooError(f"got {field}={getattr(owner, field)!r}, expected {wanted}.")
