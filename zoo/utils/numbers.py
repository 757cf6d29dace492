"""Whole numbers, as options give them: Python's and NumPy's, and no booleans, which Python takes for 0 and 1."""

import numbers


def is_whole(value):
    """Whether `value` is an integer, of Python or NumPy, and no boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
