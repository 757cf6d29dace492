"""Files that are whole or not there."""

import contextlib
import os
import shutil
import tempfile
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


@contextlib.contextmanager
def folder_beside(path):
    """A temporary folder beside `path`, on the same disk, that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(made, path):
    """Move the folder `made` to `path`, in the place of one that may lie there."""
    if not path.exists():
        made.rename(path)
        return
    # A folder cannot replace another in one step; the old one steps aside first and is back if that fails.
    with folder_beside(path) as aside:
        path.rename(aside / "old")
        try:
            made.rename(path)
        except BaseException:
            (aside / "old").rename(path)
            raise
