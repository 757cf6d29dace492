"""What tells one set of images from another, to know again what a stopped run had been given."""

import hashlib

import numpy as np


def fingerprint(array):
    """SHA-256, as text, of an array's type, shape and numbers; None of None."""
    if array is None:
        return None
    array = np.ascontiguousarray(array)
    known = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    known.update(array.data.cast("B") if array.size else b"")
    return known.hexdigest()
