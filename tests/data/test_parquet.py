"""Parquet as a source: pictures and vectors by row groups, keys as ids, parts that read only their own rows."""

import io

import numpy as np
import pytest
from PIL import Image

from zoo.cli.main import main
from zoo.data import sources
from zoo.data.writers import ImageFolder
from zoo.errors import ZooError
from zoo.pretrained.loading import save

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

IMAGES = np.random.default_rng(0).integers(0, 256, (25, 8, 8, 1), dtype=np.uint8)


def png(image):
    data = io.BytesIO()
    Image.fromarray(image[..., 0]).save(data, "PNG")
    return data.getvalue()


PNGS = [png(image) for image in IMAGES]


def write(path, /, rows=7, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path


def refused(path, **options):
    with pytest.raises(ZooError) as caught:
        sources.load(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "columns, ids",
    [
        (dict(image=PNGS), map(str, range(25))),
        (dict(photo=PNGS, note=["?"] * 25), map(str, range(25))),
        (dict(image=PNGS, mask=PNGS, key=[f"k{i}" for i in range(25)]), (f"k{i}" for i in range(25))),
        (dict(image=[dict(bytes=p, path="x") for p in PNGS], __index__=range(100, 125)), map(str, range(100, 125))),
    ],
    ids=("image", "only", "key", "struct"),
)
def test_pictures(tmp_path, columns, ids):
    path = write(tmp_path / "a.parquet", **columns)
    found = sources.load(path, image_shape=(8, 8, 1))
    np.testing.assert_array_equal(found.images, IMAGES)
    assert found.ids == list(ids) and found.labels is None and found.name == "a"
    stream = sources.stream(path, 4, (8, 8, 1))
    assert stream.total == 25
    batches = list(stream)
    assert [len(batch) for _, batch in batches] == [4] * 6 + [1]
    np.testing.assert_array_equal(np.concatenate([batch for _, batch in batches]), IMAGES)


VECTORS = np.random.default_rng(1).normal(size=(25, 6)).astype(np.float32)


@pytest.mark.parametrize("kind", (pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 6)), ids=str)
def test_vectors(tmp_path, kind):
    path = write(tmp_path / "a.parquet", numbers=pa.array(VECTORS.tolist(), kind), path=[f"p{i}" for i in range(25)])
    found = sources.load(path)
    np.testing.assert_allclose(found.images, VECTORS, rtol=1e-6)
    assert found.ids == [f"p{i}" for i in range(25)]
    for start, stop in ((0, 25), (3, 20), (24, 25), (20, 99)):
        part = sources.stream(path, 4, None).part(start, stop)
        assert part.total == min(stop, 25) - start
        np.testing.assert_allclose(np.concatenate([batch for _, batch in part]), VECTORS[start:stop], rtol=1e-6)


def test_a_folder_of_files_in_sorted_order(tmp_path):
    for name, rows in (("b", slice(10, 12)), ("a", slice(0, 10)), ("c", slice(12, 25))):
        write(tmp_path / f"{name}.parquet", image=PNGS[rows])
    (tmp_path / "README.md").touch()
    found = sources.load(tmp_path)
    np.testing.assert_array_equal(found.images, IMAGES)
    assert found.ids == list(map(str, range(25))), "counted over all files"
    for start, stop in ((0, 25), (9, 13), (11, 12), (13, 25)):
        [(ids, batch)] = sources.stream(tmp_path, 99, None).part(start, stop)
        assert ids == list(map(str, range(start, stop)))
        np.testing.assert_array_equal(batch, IMAGES[start:stop])


def test_features_beside_pictures_leave_it_a_folder_of_pictures(tmp_path):
    write(tmp_path / "features.parquet", feature0=[1.0])
    with ImageFolder(tmp_path) as folder:
        folder.write(IMAGES[:2])
    assert sources.kind_of(tmp_path) == "folder"


def test_parts_of_arrays_and_folders(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    with ImageFolder(tmp_path / "pictures") as folder:
        folder.write(IMAGES)
    for source in (tmp_path / "a.npy", tmp_path / "pictures"):
        whole = sources.stream(source, 4, (8, 8, 1))
        ids = [i for batch, _ in whole for i in batch]
        part = whole.part(5, 15)
        batches = list(part)
        assert part.total == 10 and [i for batch, _ in batches for i in batch] == ids[5:15]
        np.testing.assert_array_equal(np.concatenate([images for _, images in batches]), IMAGES[5:15])


def test_only_the_row_groups_of_a_part_are_read(tmp_path, monkeypatch):
    path, asked = write(tmp_path / "a.parquet", image=PNGS), []
    read = pq.ParquetFile.iter_batches
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda self, *a: asked.append(a[1]) or read(self, *a))
    list(sources.stream(path, 4, None).part(8, 15))
    assert asked == [[1, 2]]


def test_memory_is_flat(tmp_path):
    path = write(tmp_path / "a.parquet", rows=5000, numbers=np.random.default_rng(0).random((20_000, 200)).tolist())
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in sources.stream(path, 100, None))
    assert most < 8e6 < path.stat().st_size


def test_unreadable_pictures_are_named_and_left_out_when_told_to(tmp_path):
    rows = [*PNGS[:3], b"no picture", None, *PNGS[5:]]
    path = write(tmp_path / "a.parquet", image=rows, key=[f"k{i}" for i in range(25)])
    message = refused(path)
    assert message.startswith(f"{path}, row 3, cannot be read as an image: ") and "--skip-unreadable" in message
    stream = sources.stream(path, 4, None, skip_unreadable=True)
    ids = [i for batch, _ in stream for i in batch]
    assert stream.skipped == ["k3", "k4"] and len(ids) == 23 and not {"k3", "k4"} & set(ids)
    assert "row 4, cannot be read as an image: the row contains no bytes" in refused(
        write(tmp_path / "b.parquet", image=[*PNGS[:4], None])
    )
    assert "none of the 2 images" in refused(write(tmp_path / "c.parquet", image=[b"", b""]), skip_unreadable=True)
    assert "has shape (8, 8, 1), expected (4, 4, 1); give --resize" in refused(path, image_shape=(4, 4, 1))


def test_tables_that_hold_no_images(tmp_path):
    path = tmp_path / "a.parquet"
    assert f"{path} has the columns a, expected encoded images" in refused(write(path, a=["x"]))
    assert "several columns of images or vectors, a, b, expected one, or one called 'image'" in refused(
        write(path, a=PNGS, b=PNGS)
    )
    assert "several columns of images or vectors, a, b, expected one." in refused(write(path, a=[[1.0]], b=[[1.0]]))
    assert f"{path}, row 1, contains a vector of 2 numbers" in refused(write(path, a=[[1.0], [1.0, 2.0]]))
    assert f"{path}, row 0, contains no vector" in refused(write(path, a=pa.array([None, [1.0]])))
    assert "NaN or infinite values in 1 of 2" in refused(write(path, a=[[1.0], [None]]))
    assert "contains no rows" in refused(write(path, image=pa.array([], pa.binary())))
    write(tmp_path / "b.parquet", a=[[1.0]])
    assert f"{tmp_path / 'b.parquet'} has other columns than {path}" in refused(tmp_path)


def test_damaged_files(tmp_path):
    path = write(tmp_path / "a.parquet", image=PNGS, rows=25)
    whole = path.read_bytes()
    for data in (b"", b"text", whole[:-20], whole[: len(whole) // 2]):
        path.write_bytes(data)
        assert refused(path) == f"{path} cannot be read: it is not a Parquet file, or it is damaged or incomplete."
    path.write_bytes(b"PAR1" + b"\xff" * 400 + whole[404:])
    assert f"{path} cannot be read" in refused(path)
    assert "there is no file" in refused(tmp_path / "absent.parquet")


def test_encode_and_reconstruct(tmp_path, capsys):
    from tiny import tiny

    save(tiny("ae_conv"), tmp_path / "ae")
    np.save(tmp_path / "a.npy", IMAGES)
    source = write(tmp_path / "a.parquet", image=PNGS, key=[f"k{i}" for i in range(25)])
    for name in ("a.npy", "a.parquet"):
        assert main(["encode", str(tmp_path / "ae"), str(tmp_path / name), "--output", str(tmp_path / f"{name}.npz")]) == 0
    found, wanted = (np.load(tmp_path / f"{name}.npz") for name in ("a.parquet", "a.npy"))
    np.testing.assert_allclose(found["features"], wanted["features"], rtol=1e-5, atol=1e-6)
    assert found["ids"][3] == "k3"
    # A key is a name of a file to others: it must not lead out of the folder.
    for key in ("../k", "/tmp/k"):
        write(source, image=PNGS[:1], key=[key])
        assert main(["reconstruct", str(tmp_path / "ae"), str(source), "--output", str(tmp_path / "out")]) == 2
        assert f"got the id '{key}.png' for a file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not (tmp_path / "k.png").exists()
