"""Atomic writing of files and folders: under a temporary name next to the target, then renamed.

Temporary names are unique, so that threads and processes can write the same target. A writer holds a lock on its temporary file;
files without a lock are left from killed writers and removed by the next writer.
"""

import contextlib
import os
import re
import shutil
import uuid
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks; files of killed runs remain there.
    fcntl = None

# Names may have 255 bytes; of a long name, this many are kept, to which the mark, a random part and the suffix are added.
_LONGEST = 150
_MARK = ".tmp-"


def write_atomically(path, data):
    """Write bytes to `path`; after an error, it has its previous content.

    Raises:
        OSError: with the name of the file, if it cannot be written.
    """
    with replacing(path) as temporary, naming(path), open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path):
    """The path of an empty temporary file next to `path`, with the same suffix, which replaces `path` at the end of the block.

    After an error, the temporary file is removed and `path` is unchanged. Permissions are those of a new file of the user.

    Raises:
        OSError: with the name of the file, if it cannot be written.
    """
    path = Path(path)
    with _temporary(path, _new_file) as temporary:
        yield temporary
        with naming(path):
            os.replace(temporary, path)


@contextlib.contextmanager
def folder_beside(path, inside=False):
    """A temporary folder next to `path`, on the same disk, or `inside` it; it is removed at the end of the block."""
    path = Path(path)
    with _temporary(path / path.name if inside else path, _new_folder) as temporary:
        yield temporary


def replace_folder(new, path):
    """Move the folder `new` to `path`, where it replaces an existing folder."""
    if not path.exists():
        new.rename(path)
        return
    # A folder cannot replace another in one step: the old one is moved away first, and moved back after an error.
    with folder_beside(path) as aside:
        path.rename(aside / "old")
        try:
            new.rename(path)
        except BaseException:
            (aside / "old").rename(path)
            raise


@contextlib.contextmanager
def naming(path):
    """Gives an `OSError` in the block the name `path`; that of a full disk has none, or that of a temporary file."""
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
            # Another writer may have locked it just now to remove it as stale.
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
    """Remove the temporary files and folders for `name` that are not locked, because their writer was killed."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(f".{name}{_MARK}") + r"[0-9a-f]{32}(\..*)?", re.DOTALL)
    try:
        found = [entry.path for entry in os.scandir(folder) if pattern.fullmatch(entry.name)]
    except OSError:
        return
    for path in found:
        with contextlib.suppress(OSError):  # removed by another process, or still written
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(Path(path))
            finally:
                os.close(descriptor)
