"""What is written reads back as it was, and appears whole or not at all."""

import csv
import os
import sys

import numpy as np
import pytest

from zoo.data.writers import ImageFolder, check_apart, open_writer
from zoo.errors import ZooError

ROWS = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
ROWS[0] = [0.1, -1e-30, 3.4e38]
IDS = [f'a/{i}, "x".png' for i in range(7)]
SUFFIXES = (".npz", ".npy", ".csv", ".parquet")


def read(path):
    """(ids or None, names of the columns or None, rows) of a file."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            assert set(archive.files) == {"ids", "features"}
            return archive["ids"].tolist(), None, archive["features"]
    if path.suffix == ".npy":
        return None, None, np.load(path, allow_pickle=False)
    if path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        return [row[0] for row in rows], head[1:], np.array([row[1:] for row in rows], dtype=np.float32)
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    return table["id"].to_pylist(), table.column_names[1:], np.stack([c.to_numpy() for c in table.columns[1:]], axis=1)


def write(path, rows=ROWS, ids=IDS, batch=3, columns="feature"):
    with open_writer(path, columns) as writer:
        for start in range(0, len(rows), batch):
            writer.write(ids[start : start + batch], rows[start : start + batch])
    return writer


def left(folder):
    return sorted(p.name for p in folder.rglob("*"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reads_back(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    writer = write(path)
    assert (writer.count, writer.width) == (7, 3)
    ids, names, rows = read(path)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, ROWS)
    assert ids in (None, IDS)
    assert names in (None, ["feature0", "feature1", "feature2"])
    assert left(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_how_it_was_batched_does_not_show(tmp_path, suffix):
    write(tmp_path / f"a{suffix}", batch=7)
    write(tmp_path / f"b{suffix}", batch=2)
    a, b = read(tmp_path / f"a{suffix}"), read(tmp_path / f"b{suffix}")
    assert a[:2] == b[:2]
    np.testing.assert_array_equal(a[2], b[2])


@pytest.mark.parametrize("suffix", (".csv", ".parquet"))
def test_a_single_column_has_no_number(tmp_path, suffix):
    path = tmp_path / f"scores{suffix}"
    write(path, ROWS[:, :1], columns="score")
    assert read(path)[1] == ["score"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", (ValueError, KeyboardInterrupt))
def test_nothing_is_left_after_an_error(tmp_path, suffix, error):
    path = tmp_path / f"rows{suffix}"
    with pytest.raises(error), open_writer(path) as writer:
        writer.write(IDS, ROWS)
        raise error
    assert left(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(b"earlier")
    with pytest.raises(RuntimeError), open_writer(path) as writer:
        writer.write(IDS, ROWS)
        assert path.read_bytes() == b"earlier"
        raise RuntimeError
    assert path.read_bytes() == b"earlier"
    write(path)
    np.testing.assert_array_equal(read(path)[2], ROWS)
    assert left(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("rows", ([], [ROWS[:0]]), ids=("no batch", "an empty batch"))
def test_no_rows_are_an_error(tmp_path, suffix, rows):
    with pytest.raises(ZooError, match=f"nothing to write to rows{suffix}"), open_writer(tmp_path / f"rows{suffix}") as writer:
        for batch in rows:
            writer.write([], batch)
    assert left(tmp_path) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_of_another_width_are_refused(tmp_path, suffix):
    with pytest.raises(ZooError, match=r"shape \(7, 2\).*expected \(7, 3\)"), open_writer(tmp_path / f"rows{suffix}") as writer:
        writer.write(IDS, ROWS)
        writer.write(IDS, ROWS[:, :2])
    assert left(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(ZooError, match=r"'rows.txt', expected a name ending in .npz, .npy, .csv, .parquet"):
        open_writer(tmp_path / "rows.txt")
    with pytest.raises(ZooError, match="no folder .*absent to write rows.npy to"):
        open_writer(tmp_path / "absent" / "rows.npy")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(ZooError, match="is a folder, expected the name of a file"):
        open_writer(tmp_path / "folder.npy")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ZooError, match=r"autoencoder-zoo\[parquet\]"):
        open_writer(tmp_path / "rows.parquet")
    assert left(tmp_path) == []


IMAGES = np.random.default_rng(1).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)


def decoded(path):
    import tensorflow as tf

    return tf.io.decode_png(path.read_bytes()).numpy()


@pytest.mark.parametrize("images", (IMAGES, IMAGES / np.float32(255)), ids=("uint8", "float"))
def test_images_read_back(tmp_path, images):
    with ImageFolder(tmp_path / "out") as folder:
        folder.write(images[:2])
        folder.write(images[2:])
    assert folder.count == 3
    assert left(tmp_path) == ["00000.png", "00001.png", "00002.png", "out"]
    for image, path in zip(IMAGES, sorted((tmp_path / "out").iterdir())):
        np.testing.assert_array_equal(decoded(path), image)


def test_images_are_called_after_their_ids(tmp_path):
    with ImageFolder(tmp_path / "out") as folder:
        folder.write(IMAGES, ["a/x.png", "a/x.jpg", "7"])
    assert left(tmp_path / "out") == ["7.png", "a", "x.jpg.png", "x.png"]


def test_no_image_is_left_after_an_error(tmp_path):
    for place in (tmp_path / "new", tmp_path):
        with pytest.raises(KeyboardInterrupt), ImageFolder(place) as folder:
            folder.write(IMAGES)
            raise KeyboardInterrupt
        assert left(tmp_path) == []


def test_a_folder_that_is_there_keeps_its_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("kept")
    (tmp_path / "00000.png").write_text("replaced")
    with ImageFolder(tmp_path) as folder:
        folder.write(IMAGES[:1])
    assert left(tmp_path) == ["00000.png", "notes.txt"]
    np.testing.assert_array_equal(decoded(tmp_path / "00000.png"), IMAGES[0])


def test_folders_that_cannot_be_written(tmp_path):
    with pytest.raises(ZooError, match="no folder .*absent"):
        ImageFolder(tmp_path / "absent" / "out")
    (tmp_path / "file").touch()
    with pytest.raises(ZooError, match="is a file, expected a folder"):
        ImageFolder(tmp_path / "file")
    with pytest.raises(ZooError, match="no images"), ImageFolder(tmp_path / "out"):
        pass
    assert left(tmp_path) == ["file"]


def test_no_image_takes_the_place_of_another(tmp_path):
    images = np.zeros((2, 4, 4, 1))
    with pytest.raises(ZooError, match="two images would be written to a.jpg.png"), ImageFolder(tmp_path / "out") as folder:
        folder.write(images, ["a.jpg", "a.jpg.png"])
    assert not (tmp_path / "out").exists()


def test_names_that_are_no_unicode_are_written_as_they_are(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    with open_writer(tmp_path / "a.csv") as writer:
        writer.write([name], np.zeros((1, 2)))
    assert b"caf\xe9.png,0.0" in (tmp_path / "a.csv").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ids_may_hold_anything_that_a_name_may(tmp_path, suffix):
    ids = ["a\nb.png", "c\rd", "$x_1$", '猫,"q"', "n" * 4000, "=1+1", "x\t", os.fsdecode(b"caf\xe9.png")]
    write(tmp_path / f"a{suffix}", ROWS[[0] * len(ids)], ids)
    if suffix == ".csv":
        with open(tmp_path / "a.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
            assert [row[0] for row in csv.reader(file)][1:] == ids
        return
    found, _, rows = read(tmp_path / f"a{suffix}")
    assert len(rows) == len(ids)
    # Parquet holds UTF-8 alone.
    assert found in (None, ids, [*ids[:-1], "caf\\xe9.png"])


def test_results_are_not_written_over_what_they_are_made_of(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "a.npy").touch()
    for source, output in (("a.npy", "a.npy"), ("photos", "photos"), ("photos", "photos/../photos")):
        with pytest.raises(ZooError, match="is the same as the input images; choose another place"):
            check_apart(tmp_path / source, tmp_path / output)
    with pytest.raises(ZooError, match="is inside the input images"):
        check_apart(tmp_path / "photos", tmp_path / "photos" / "new" / "run", inside=True)
    check_apart(tmp_path / "photos", tmp_path / "photos" / "features.npy")
    check_apart("mnist", "mnist")
