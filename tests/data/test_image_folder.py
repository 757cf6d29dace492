"""Folders of images as people have them: nothing in them is left out without a word, and splits are recognised."""

import os

import numpy as np
import pytest
from PIL import Image

from zoo.cli.reading import print_notes
from zoo.data import sources
from zoo.errors import ZooError

CLASSES = ("cat", "dog", "zebra")


@pytest.fixture
def photos(tmp_path):
    """Three classes of three images each, of one value an image."""
    for number, name in enumerate(CLASSES):
        write(tmp_path / "photos", *(f"{name}/{i}.png" for i in range(3)), first=10 * number)
    return tmp_path / "photos"


def write(folder, *names, first=0):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), first + i, np.uint8)).save(folder / name)


@pytest.fixture
def locked(monkeypatch):
    """A function that closes folders, also to the user who may read everything."""
    closed, scandir = set(), os.scandir

    def refusing(place="."):
        if os.fspath(place) in closed:
            raise PermissionError(13, "Permission denied", os.fspath(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refusing)
    return lambda path: closed.add(os.fspath(path))


def unreadable(kind, photos, locked):
    """Make something unreadable in the folder of dogs; the id that it is named by."""
    place = photos / "dog"
    if kind == "locked folder":
        locked(place)
        return "dog/"
    if kind == "link to nothing":
        (place / "a.png").symlink_to(photos / "absent.png")
        return "dog/a.png"
    if kind == "link to itself":
        (place / "a.png").symlink_to(place / "a.png")
        return "dog/a.png"
    if kind == "folder that is gone":
        (photos / "wolf").symlink_to(photos / "absent", target_is_directory=True)
        return "wolf/"
    if kind == "pipe":
        os.mkfifo(place / "a.png")
        return "dog/a.png"
    (place / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    return "dog/a.heic"


@pytest.mark.parametrize(
    "kind", ["locked folder", "link to nothing", "link to itself", "folder that is gone", "pipe", "format that is not read"]
)
def test_what_cannot_be_read_is_refused_or_named(kind, photos, locked, capsys):
    name = unreadable(kind, photos, locked)
    for read in (sources.load, lambda path: list(sources.stream(path, 2, None))):
        with pytest.raises(ZooError, match=f"{photos / name}.* --skip-unreadable"):
            read(photos)
    found = sources.load(photos, skip_unreadable=True)
    assert found.skipped == [name] and len(found.images) == (6 if kind == "locked folder" else 9)
    stream = sources.stream(photos, 2, None, skip_unreadable=True)
    assert sum(len(ids) for ids, _ in stream) == len(found.images) and stream.total == len(found.images) + 1
    print_notes(stream)
    assert capsys.readouterr().err.splitlines() == [f"zoo: skipped {name}: unreadable", "zoo: skipped 1 in total"]
    # Parts of a stream name it once.
    parts = [stream.part(start, start + 4) for start in range(0, stream.total, 4)]
    assert sum(len(ids) for part in parts for ids, _ in part) == len(found.images)
    assert [name for part in parts for name in part.skipped] == [name]


def test_a_folder_that_cannot_be_read_at_all(photos, locked):
    locked(photos)
    for skip in (False, True):
        with pytest.raises(ZooError, match="photos cannot be read: Permission denied"):
            sources.load(photos, skip_unreadable=skip)


def test_other_files_are_named_and_counted(photos):
    for name in ("cat/notes.txt", "dog.zip", "README"):
        (photos / name).write_bytes(b"PK\x03\x04")
    (photos / "empty").mkdir()
    (photos / "again").symlink_to(photos / "cat", target_is_directory=True)
    assert sources.load(photos).notes == [
        "skipped 3 files that are not images: README, cat/notes.txt, dog.zip",
        "skipped 1 links to folders that are read under another name: again",
        "skipped 1 folders without images: empty/",
    ]
    for i in range(20):
        (photos / f"{i}.txt").touch()
    assert sources.load(photos).notes[0].startswith("skipped 23 files") and "and 13 more" in sources.load(photos).notes[0]


@pytest.mark.parametrize(
    "names, kinds",
    [
        (("train", "test"), ("train", "test")),
        (("Train", "VAL"), ("train", "validation")),
        (("training", "valid", "test"), ("train", "validation", "test")),
        (("train",), ("train",)),
        # Two that would be one, and a class that happens to be called so.
        (("train", "val", "validation"), ()),
        (("train", "car"), ()),
        (("test", "val"), ()),
    ],
)
def test_splits_are_recognised(tmp_path, names, kinds):
    for name in names:
        write(tmp_path, f"{name}/a/0.png", f"{name}/b/0.png")
    assert sources.folder_splits(tmp_path) == kinds


def test_a_folder_in_splits(tmp_path):
    write(tmp_path, *(f"train/{name}/{i}.png" for name in CLASSES for i in range(2)))
    write(tmp_path, *(f"test/{name}/{i}.png" for name in CLASSES[1:] for i in range(2)), first=50)
    splits, drawn = sources.load_splits(tmp_path)
    assert not drawn and splits["train"].class_names == splits["test"].class_names == list(CLASSES)
    assert splits["train"].labels.tolist() == [0, 0, 1, 1, 2, 2] and splits["test"].labels.tolist() == [1, 1, 2, 2]
    assert splits["test"].ids == ["test/dog/0.png", "test/dog/1.png", "test/zebra/0.png", "test/zebra/1.png"]
    assert splits["test"].images.min() == 50 and splits["train"].images.max() == 5
    stream = sources.stream(tmp_path, 99, None)
    [(ids, _)] = stream
    assert len(ids) == 10 and {i.split("/")[0] for i in ids} == {"train", "test"}
    assert stream.notes == [f"{tmp_path} contains the splits train, test; read: test, train"]
    with pytest.raises(ZooError, match="has the splits train, test, but none for 'validation'"):
        sources.load(tmp_path, "validation")


def test_validation_is_the_test_where_there_is_no_other(tmp_path):
    write(tmp_path, "train/a/0.png", "train/b/0.png", "val/a/0.png")
    splits, drawn = sources.load_splits(tmp_path)
    assert not drawn and splits["test"].ids == ["val/a/0.png"]


def test_splits_without_classes_have_no_labels(tmp_path):
    write(tmp_path, "train/0.png", "train/1.png", "test/0.png")
    assert sources.load(tmp_path, "train").labels is None
