"""Checks of numeric options: numbers of Python and NumPy are accepted, booleans are not."""

import math
import numbers

import numpy as np

from zoo.errors import ZooError


def is_whole(value):
    """Whether `value` is an integer of Python or NumPy, but not a boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value):
    """Whether `value` is a finite real number of Python or NumPy, but not a boolean."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def check_at_least(least, **options):
    """Raises ZooError for the first option that is not a finite number of at least `least`."""
    for name, value in options.items():
        if not is_number(value) or value < least:
            raise ZooError(f"got {name}={value!r}, expected a finite number from {least} on.")


def check_positive(**options):
    """Raises ZooError for the first option that is not a finite number above 0."""
    for name, value in options.items():
        if not is_number(value) or value <= 0:
            raise ZooError(f"got {name}={value!r}, expected a finite number above 0.")


def check_whole(least, **options):
    """Raises ZooError for the first option that is not an integer of at least `least`."""
    for name, value in options.items():
        if not is_whole(value) or value < least:
            raise ZooError(f"got {name}={value!r}, expected a whole number from {least} on.")


def plain(value):
    """`value` with Python's numbers instead of NumPy's, also in lists, tuples and arrays, as a config can contain it."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return type(value)(plain(v) for v in value) if type(value) in (tuple, list) else value
