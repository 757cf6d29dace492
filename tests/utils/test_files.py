"""Files that are whole or not there, whoever else writes them at the same time."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zoo.data.writers import ImageFolder, open_writer
from zoo.errors import ZooError
from zoo.utils import files
from zoo.utils.files import folder_beside, replacing, write_atomically


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_threads_that_write_one_file(tmp_path):
    def write(number):
        with open_writer(tmp_path / "rows.npz") as writer:
            for _ in range(3):
                writer.write([str(number)] * 4, np.full((4, 2), number))
        write_atomically(tmp_path / "a.json", bytes([number]) * 999)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert left(tmp_path) == ["a.json", "rows.npz"]
    with np.load(tmp_path / "rows.npz") as found:
        assert found["features"].shape == (12, 2) and np.unique(found["features"]).size == 1
    assert len(set((tmp_path / "a.json").read_bytes())) == 1


def test_permissions_are_those_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"x")
        with open_writer(tmp_path / "rows.npy") as writer:
            writer.write(["a"], np.zeros((1, 2)))
        with ImageFolder(tmp_path / "images") as folder:
            folder.write(np.zeros((1, 2, 2, 1), np.uint8))
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "rows.npy", "images")] == [0o640, 0o640, 0o750]


def test_what_a_killed_run_left_is_removed_by_the_next_and_what_a_live_one_writes_is_not(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from zoo.utils.files import folder_beside, replacing\n"
        "path = Path(sys.argv[1])\n"
        "with replacing(path / 'a.npz'), folder_beside(path / 'a.npz') as folder:\n"
        "    (folder / 'rows').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with replacing(tmp_path / "a.npz"), folder_beside(tmp_path / "a.npz"):
        living = set(left(tmp_path))
        subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
        assert len(left(tmp_path)) == 4
        write_atomically(tmp_path / "a.npz", b"x")
        assert set(left(tmp_path)) == living | {"a.npz"}
    assert left(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("suffix", (".npz", ".npy", ".csv", ".parquet", ".json"))
def test_names_as_long_as_the_file_system_takes(tmp_path, suffix):
    for name in ("n" * (255 - len(suffix)) + suffix, "я" * ((255 - len(suffix)) // 2) + suffix):
        if suffix == ".json":
            write_atomically(tmp_path / name, b"{}")
        else:
            with open_writer(tmp_path / name) as writer:
                writer.write(["a"], np.zeros((1, 2)))
        assert (tmp_path / name).is_file()


@pytest.mark.parametrize("suffix", (".npz", ".npy", ".csv", ".parquet"))
def test_a_full_disk_names_the_file(tmp_path, suffix):
    with (
        pytest.raises(ZooError, match=f"cannot write .*rows{suffix}: No space left on device"),
        open_writer(tmp_path / f"rows{suffix}") as writer,
    ):
        writer.append = lambda ids, rows: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
        writer.write(["a"], np.zeros((1, 2)))
    assert left(tmp_path) == []


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / "a.json", b"x")
    assert caught.value.filename == str(tmp_path / "a.json") and left(tmp_path) == []
    with pytest.raises(OSError) as caught:
        write_atomically(tmp_path / "absent" / "a.json", b"x")
    assert caught.value.filename == str(tmp_path / "absent" / "a.json")
