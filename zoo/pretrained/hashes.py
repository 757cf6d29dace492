"""Whether a file is the one that is pinned."""

import hashlib


def sha256_of(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fault(path, entry):
    """What is wrong with a file: None when it has the `sha256` of the mapping, "not there" when there is none."""
    try:
        if not path.exists():
            return "not there"
        found = sha256_of(path)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if found == entry["sha256"] else wrong(f"sha256 {found[:8]}..., expected {entry['sha256'][:8]}...")


def wrong(detail):
    """The words for a file with other content."""
    return f"wrong content ({detail})"
