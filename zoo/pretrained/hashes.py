"""Comparison of files with known hashes."""

import hashlib

# The fault of a file that does not exist.
NOT_FOUND = "not found"


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fault(path, entry):
    """Why a file is not usable, such as `NOT_FOUND`; None if its hash is the `sha256` of the mapping `entry`."""
    try:
        if not path.exists():
            return NOT_FOUND
        found = sha256_of(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == entry["sha256"] else wrong(f"sha256 {found[:8]}..., expected {entry['sha256'][:8]}...")


def wrong(detail):
    """Description of a file whose content is not the expected one."""
    return f"wrong content ({detail})"
