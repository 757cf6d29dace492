"""Files and folders that are whole or not there: written under a temporary name beside the target, then moved into its place.

Temporary names are unique, so that threads and processes that write the same target do not disturb one another. The writer
holds a lock on what it writes; what a killed writer left is known by the missing lock and removed by the next one.
"""

import contextlib
import os
import re
import shutil
import uuid
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none: what a killed run left stays there
    fcntl = None

# File systems take names of 255 bytes; the mark, the random part and a suffix are added to what is left of a long name.
_LONGEST = 150
_MARK = ".tmp-"


def write_atomically(path, data):
    """Write bytes to `path` so that it holds either all of them or what it held before.

    Raises:
        OSError: with the name of the file, when it cannot be written.
    """
    with replacing(path) as temporary, naming(path), open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path):
    """The path of an empty temporary file beside `path`, of the same suffix, which takes its place when the block ends.

    After an error the temporary file is removed, and `path` is as it was. Permissions are those of any new file of the user.

    Raises:
        OSError: with the name of the file, when it cannot be written.
    """
    path = Path(path)
    with _temporary(path, _new_file) as temporary:
        yield temporary
        with naming(path):
            os.replace(temporary, path)


@contextlib.contextmanager
def folder_beside(path, inside=False):
    """A temporary folder beside `path`, on the same disk, or `inside` it; what is left of it is removed when the block ends."""
    path = Path(path)
    with _temporary(path / path.name if inside else path, _new_folder) as temporary:
        yield temporary


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


@contextlib.contextmanager
def naming(path):
    """An `OSError` in the block names `path`: a full disk is reported without a name, or with that of a temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename, error.filename2 = str(path), None
        raise


@contextlib.contextmanager
def _temporary(path, make):
    """A new temporary file or folder for `path`, locked until it is removed."""
    name = os.fsencode(path.name)[:_LONGEST].decode("utf-8", "ignore")
    _remove_stale(path.parent, name)
    with naming(path):
        temporary, descriptor = _locked(path, name, make)
    try:
        yield temporary
    finally:
        _remove(temporary)
        if descriptor is not None:
            os.close(descriptor)


def _locked(path, name, make):
    while True:
        temporary = path.with_name(f".{name}{_MARK}{uuid.uuid4().hex}{path.suffix[:20]}")
        make(temporary)
        if fcntl is None:
            return temporary, None
        descriptor = None
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(temporary, os.O_RDONLY)
            # Another writer may just have taken it for stale: it holds the lock until it has removed it.
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.stat(temporary), os.fstat(descriptor)):
                return temporary, descriptor
        if descriptor is not None:
            os.close(descriptor)


def _new_file(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def _new_folder(path):
    os.mkdir(path)


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_stale(folder, name):
    """Remove the temporary files and folders for `name` whose writer is gone: nobody holds their lock."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(f".{name}{_MARK}") + r"[0-9a-f]{32}(\..*)?", re.DOTALL)
    try:
        found = [entry.path for entry in os.scandir(folder) if pattern.fullmatch(entry.name)]
    except OSError:
        return
    for path in found:
        with contextlib.suppress(OSError):  # another has removed it, or still writes it
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(Path(path))
            finally:
                os.close(descriptor)
