"""Files that are whole or not there."""

import os
from pathlib import Path


def write_atomically(path, data):
    """Write bytes to `path` so that it holds either all of them or what it held before."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
