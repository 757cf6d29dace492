"""Images from where people have them, and one clear sentence where they cannot be had."""

import io
import socket
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from zoo.data import sources
from zoo.errors import ZooError

pillow = pytest.importorskip("PIL.Image")

RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
GREY = RGB[..., :1]


def encoded(image, kind, **options):
    data = io.BytesIO()
    image = image if isinstance(image, pillow.Image) else pillow.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    image.save(data, kind, **options)
    return data.getvalue()


PNG, JPEG = encoded(RGB, "PNG"), encoded(RGB, "JPEG")


def folder_of(place, **files):
    """A folder of files, called by the arguments' names with the last _ for the dot."""
    for name, data in files.items():
        (place / name.replace("_", ".")).write_bytes(data)
    return place


def refused(*arguments, **options):
    """The message of the ZooError that loading ends with."""
    with pytest.raises(ZooError) as caught:
        sources.load(*arguments, **options)
    message = str(caught.value)
    for word in ("\n", "function_node", "[Op:", "Traceback", "DecodeImage"):
        assert word not in message
    return message


# -- pictures

LUMA = np.round(RGB @ [0.299, 0.587, 0.114]).astype(np.uint8)[..., None]
PICTURES = {
    "png": (encoded(RGB, "PNG"), RGB),
    "png grey": (encoded(GREY, "PNG"), GREY),
    "png with opaque alpha": (encoded(np.concatenate([RGB, np.full_like(GREY, 255)], -1), "PNG"), RGB),
    "png black and white": (encoded(pillow.fromarray(GREY[..., 0] > 99), "PNG"), np.where(GREY > 99, 255, 0)),
    "bmp": (encoded(RGB, "BMP"), RGB),
    "bmp grey": (encoded(GREY, "BMP"), GREY),
    "gif": (encoded(GREY, "GIF"), np.repeat(GREY, 3, -1)),
    "gif of two frames": (
        encoded(GREY, "GIF", save_all=True, append_images=[pillow.fromarray(255 - GREY[..., 0])]),
        np.repeat(GREY, 3, -1),
    ),
    "webp colour": (encoded(RGB, "WEBP", lossless=True), RGB),
}


@pytest.mark.parametrize("case", PICTURES)
def test_pictures_of_every_kind(tmp_path, case):
    data, wanted = PICTURES[case]
    suffix = case.split()[0]
    (tmp_path / f"a.{suffix}").write_bytes(data)
    found = sources.load(tmp_path)
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, wanted[None])
    assert found.ids == [f"a.{suffix}"] and found.labels is None
    # The channels are those that a model asks for.
    colour = sources.load(tmp_path, image_shape=(6, 5, 3)).images[0]
    np.testing.assert_array_equal(colour, np.broadcast_to(wanted, (6, 5, 3)))
    grey = sources.load(tmp_path, image_shape=(6, 5, 1)).images[0]
    np.testing.assert_array_equal(grey, LUMA if (wanted == RGB).all() else wanted[..., :1])


@pytest.mark.parametrize("mode", ("RGB", "L", "CMYK"))
def test_jpeg_comes_near(tmp_path, mode):
    smooth = np.linspace(20, 230, 64, dtype=np.uint8).reshape(8, 8)
    image = pillow.fromarray(np.stack([smooth] * 3, -1)).convert(mode)
    folder_of(tmp_path, a_jpg=encoded(image, "JPEG", quality=95))
    for channels in (1, 3):
        found = sources.load(tmp_path, image_shape=(8, 8, channels)).images[0]
        assert np.abs(found.astype(int) - smooth[..., None]).max() <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ("PNG", "JPEG"))
def test_pictures_stand_as_the_camera_was_held(tmp_path, orientation, kind):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :12] = 255
    # What each orientation stores, for a viewer to turn back (TIFF 6.0, tag 274).
    turns = (
        lambda x: x,
        lambda x: x[:, ::-1],
        lambda x: x[::-1, ::-1],
        lambda x: x[::-1],
        lambda x: x.swapaxes(0, 1),
        lambda x: np.rot90(x),
        lambda x: x[::-1, ::-1].swapaxes(0, 1),
        lambda x: np.rot90(x, -1),
    )
    note = pillow.Exif()
    note[274] = orientation
    stored = np.ascontiguousarray(turns[orientation - 1](upright))
    (tmp_path / f"a.{kind.lower()}").write_bytes(encoded(stored, kind, exif=note.tobytes()))
    found = sources.load(tmp_path).images[0]
    assert found.shape == upright.shape and np.abs(found.astype(int) - upright).max() < 30


def test_links_are_followed_and_every_picture_is_met_once(tmp_path):
    for place in ("photos/dogs", "elsewhere/cats", "photos/.hidden"):
        (tmp_path / place).mkdir(parents=True)
        folder_of(tmp_path / place, a_png=PNG, b_jfif=JPEG)
    photos = tmp_path / "photos"
    (photos / "cats").symlink_to(tmp_path / "elsewhere" / "cats", target_is_directory=True)
    (photos / "again").symlink_to(photos / "dogs", target_is_directory=True)
    (photos / "dogs" / "round").symlink_to(photos, target_is_directory=True)
    found = sources.load(photos)
    assert found.ids == ["cats/a.png", "cats/b.jfif", "dogs/a.png", "dogs/b.jfif"]
    assert found.class_names == ["cats", "dogs"]


def test_a_folder_is_split_by_a_draw_and_always_the_same(tmp_path):
    for label in ("cats", "dogs"):
        (tmp_path / label).mkdir()
        for i in range(20):
            (tmp_path / label / f"{i}.png").write_bytes(encoded(np.full((2, 2, 1), 2 * i + (label == "dogs"), np.uint8), "PNG"))
    splits, drawn = sources.load_splits(tmp_path)
    assert drawn and len(splits["test"].images) == 4 and np.bincount(splits["test"].labels).tolist() == [2, 2]
    assert sorted(splits["train"].ids + splits["test"].ids) == sorted(sources.load(tmp_path).ids)
    for part in splits.values():
        # Every image says which it is.
        assert [f"{part.class_names[x % 2]}/{x // 2}.png" for x in part.images[:, 0, 0, 0]] == part.ids
        np.testing.assert_array_equal(part.images[:, 0, 0, 0] % 2, part.labels)
    again, _ = sources.load_splits(tmp_path)
    assert again["test"].ids == splits["test"].ids
    x = np.arange(30, dtype=np.uint8).reshape(30, 1, 1, 1)
    np.savez(tmp_path / "two.npz", x_train=x[:20], x_test=x[20:])
    np.save(tmp_path / "one.npy", x)
    splits, drawn = sources.load_splits(tmp_path / "two.npz")
    assert not drawn and np.array_equal(splits["test"].images, x[20:])
    splits, drawn = sources.load_splits(tmp_path / "one.npy")
    assert drawn and len(splits["test"].images) == 3


BROKEN = {
    "empty.png": (b"", "the file is empty"),
    "text.png": (b"hello", "not a JPEG, PNG, GIF, BMP, WEBP file"),
    "tiff.jpg": (encoded(RGB, "TIFF"), "not a JPEG, PNG, GIF, BMP, WEBP file"),
    "cut.png": (PNG[:60], "PNG file is damaged or incomplete"),
    "flipped.png": (PNG[:45] + bytes([PNG[45] ^ 255]) + PNG[46:], "PNG file is damaged"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "JPEG file is damaged or incomplete"),
    "head.jpg": (JPEG[:20], "JPEG file is damaged or incomplete"),
    "cut.gif": (encoded(GREY, "GIF")[:-12], "GIF file is damaged or incomplete"),
    "cut.bmp": (encoded(RGB, "BMP")[:70], "BMP file is damaged or incomplete"),
    "sound.webp": (b"RIFF\x24\x00\x00\x00WAVEfmt ", "WEBP file is damaged or incomplete"),
    # No picture is to be missed without a word: those of other formats are refused by name.
    "photo.tif": (encoded(RGB, "TIFF"), "not a JPEG, PNG, GIF, BMP, WEBP file"),
    "head.bmp": (encoded(RGB, "BMP")[:20], "BMP file is damaged or incomplete"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_unreadable_picture_is_named(tmp_path, name, capfd):
    data, reason = BROKEN[name]
    folder_of(tmp_path, a_png=PNG, z_png=PNG)
    (tmp_path / name).write_bytes(data)
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path / name} cannot be read as an image: ") and reason in message
    assert "--skip-unreadable" in message
    found = sources.load(tmp_path, skip_unreadable=True)
    assert found.skipped == [name] and found.ids == ["a.png", "z.png"]
    # The decoders' own libraries say nothing besides.
    assert capfd.readouterr().err == ""


def test_a_folder_of_unreadable_pictures(tmp_path):
    folder_of(tmp_path, a_png=b"", b_png=b"")
    assert "none of the 2 images" in refused(tmp_path, skip_unreadable=True)


def test_an_empty_folder(tmp_path):
    folder_of(tmp_path, notes_txt=b"none here")
    assert "contains no images, expected files ending in .png" in refused(tmp_path)
    assert "there is no folder" in refused(f"{tmp_path}/absent")


def test_sub_folders_are_classes_and_hidden_files_none(tmp_path):
    for name in ("dog/b.png", "cat/a.PNG", "cat/._a.png", ".trash/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    found = sources.load(tmp_path)
    assert found.ids == ["cat/a.PNG", "dog/b.png"]
    assert found.labels.tolist() == [0, 1] and found.class_names == ["cat", "dog"]


def test_ids_are_relative_to_the_folder(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    folder_of(tmp_path / "in", a_png=PNG)
    monkeypatch.chdir(tmp_path)
    for folder, wanted in ((".", "in/a.png"), ("in", "a.png"), ("in/", "a.png"), ("./in", "a.png"), (tmp_path, "in/a.png")):
        assert sources.load(folder).ids == [wanted]


def test_pictures_of_other_sizes_are_resized_only_when_asked(tmp_path):
    flat = np.full((9, 7, 3), 40, np.uint8)
    folder_of(tmp_path, a_png=PNG, b_png=encoded(flat, "PNG"))
    assert refused(tmp_path).endswith(
        "b.png has shape (9, 7, 3), expected (6, 5, 3); convert all images to the shape of the first, or give "
        "--resize, which converts all to the size and channels of the model."
    )
    assert "(9, 7, 3), expected (6, 5, 3); give --resize" in refused(tmp_path, image_shape=(6, 5, 3))
    found = sources.load(tmp_path, image_shape=(6, 5, 3), resize=True).images
    np.testing.assert_array_equal(found[0], RGB)
    np.testing.assert_array_equal(found[1], np.full((6, 5, 3), 40))


def test_grey_among_colours_is_refused_unless_the_channels_are_given(tmp_path):
    folder_of(tmp_path, a_png=encoded(GREY, "PNG"), b_png=PNG)
    message = refused(tmp_path)
    assert f"b.png has shape (6, 5, 3) (in color; the first, {tmp_path / 'a.png'}, is gray), expected (6, 5, 1)" in message
    assert "--resize" in message
    assert sources.load(tmp_path, image_shape=(6, 5, 3)).images.shape == (2, 6, 5, 3)


def test_a_stream_of_pictures_keeps_the_order_in_batches(tmp_path):
    images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    for i, image in enumerate(images):
        (tmp_path / f"{i:03d}.png").write_bytes(encoded(image, "PNG"))
    stream = sources.stream(tmp_path, 8, (4, 4, 1))
    assert stream.total == 50
    batches = list(stream)
    assert [len(ids) for ids, _ in batches] == [8] * 6 + [2]
    np.testing.assert_array_equal(np.concatenate([b for _, b in batches]), images)
    assert sum((ids for ids, _ in batches), []) == [f"{i:03d}.png" for i in range(50)]


def test_pictures_for_a_model_of_other_channels(tmp_path):
    folder_of(tmp_path, a_png=PNG)
    assert "image files have 1 or 3 channels" in refused(tmp_path, image_shape=(6, 5, 4))


# -- arrays

IMAGES = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_single_array(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    np.save(tmp_path / "flat.npy", IMAGES[..., 0])
    for name in ("a.npy", "flat.npy"):
        found = sources.load(tmp_path / name)
        np.testing.assert_array_equal(found.images, IMAGES)
        assert found.labels is None and found.ids == ["0", "1", "2", "3", "4"]


def test_an_archive_with_and_without_splits(tmp_path):
    y = np.arange(5)
    found = sources.load(npz(tmp_path / "a.npz", images=IMAGES, labels=y[:, None]))
    np.testing.assert_array_equal(found.images, IMAGES)
    np.testing.assert_array_equal(found.labels, y)
    path = npz(tmp_path / "b.npz", x_train=IMAGES, y_train=y, x_test=IMAGES[:2], y_test=y[:2])
    assert len(sources.load(path, split="train").images) == 5
    assert sources.load(path, split="test").labels.tolist() == [0, 1]


def test_suffixes_in_any_case(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    (tmp_path / "a.npy").rename(tmp_path / "a.NPY")
    npz(tmp_path / "b.npz", images=IMAGES).rename(tmp_path / "b.Npz")
    for name in ("a.NPY", "b.Npz"):
        np.testing.assert_array_equal(sources.load(tmp_path / name).images, IMAGES)
        np.testing.assert_array_equal(next(iter(sources.stream(tmp_path / name, 9, None)))[1], IMAGES)


def test_arrays_stream_in_batches(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    for path in (tmp_path / "a.npy", npz(tmp_path / "a.npz", x=IMAGES)):
        stream = sources.stream(path, 2, (4, 4, 1))
        assert stream.total == 5
        ids, batches = zip(*stream)
        assert ids == (["0", "1"], ["2", "3"], ["4"])
        np.testing.assert_array_equal(np.concatenate(batches), IMAGES)


def _objects(path):
    array = np.array([{}, 1], dtype=object)
    np.savez(path, images=array) if path.suffix == ".npz" else np.save(path, array)


def _cut(to):
    def write(path):
        np.savez(path, images=IMAGES) if path.suffix == ".npz" else np.save(path, IMAGES)
        path.write_bytes(path.read_bytes()[:to])

    return write


def _bad_sum(path):
    np.savez(path, images=IMAGES)
    data = bytearray(path.read_bytes())
    data[data.index(IMAGES.tobytes())] ^= 255
    path.write_bytes(data)


def _member(name, data):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, data)

    return write


def _bad_deflate(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", bytes(1000))
    data = bytearray(path.read_bytes())
    data[40:46] = b"\xff" * 6
    path.write_bytes(data)


def _bad_header(path):
    np.save(path, IMAGES)
    path.write_bytes(path.read_bytes().replace(b"(5, 4", b"((5,4"))


DAMAGED = {
    "header.npy": (_bad_header, "damaged or incomplete"),
    "cut.npy": (_cut(-10), "damaged or incomplete"),
    "head.npy": (_cut(40), "damaged or incomplete"),
    "empty.npy": (_cut(0), "damaged or incomplete"),
    "text.npy": (lambda path: path.write_text("hello world"), "Python objects or no arrays"),
    "objects.npy": (_objects, "contains Python objects"),
    "objects.npz": (_objects, "'images' of .* contains Python objects"),
    "cut.npz": (_cut(300), "damaged or incomplete"),
    "empty.npz": (_cut(0), "damaged or incomplete"),
    "text.npz": (lambda path: path.write_text("hello world"), "Python objects or no arrays"),
    "sum.npz": (_bad_sum, "'images' of .* damaged or incomplete"),
    "deflate.npz": (_bad_deflate, "'images' of .* damaged or incomplete"),
    "member.npz": (_member("images.npy", b"\x93NUMPY\x01\x00"), "'images' of .* damaged or incomplete"),
    "bytes.npz": (_member("images", b"hello"), "'images' of .* is not a NumPy array"),
    "other.npz": (_member("weights.npy", b""), "contains weights, expected an array called x_train or .* images or x"),
    "nothing.npz": (lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)), "contains nothing, expected an array"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_one_sentence(tmp_path, name):
    make, reason = DAMAGED[name]
    make(tmp_path / name)
    for read in (sources.load, lambda path: sources.stream(path, 2, None, split="train")):
        with pytest.raises(ZooError, match=reason) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value) and name in str(caught.value)


def test_arrays_that_are_no_images(tmp_path):
    cases = {
        "none": (IMAGES[:0], r"shape \(0, 4, 4, 1\), expected images"),
        "number": (np.float32(3), r"shape \(\), expected images"),
        "video": (IMAGES[None], r"shape \(1, 5, 4, 4, 1\), expected images"),
        "ints": (IMAGES.astype(np.int32), "dtype int32, expected uint8"),
        "text": (np.full((1, 2, 2, 1), "a"), "dtype <U1, expected uint8"),
        "range": (IMAGES.astype(np.float32), "expected 0..1"),
        "nan": (np.full((2, 2, 2, 1), np.nan), "NaN or infinite values in 2 of 2"),
        "vectors": (np.array([[1.0, np.inf]]), "NaN or infinite values in 1 of 1"),
    }
    for name, (array, reason) in cases.items():
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(ZooError, match=f"{name}.npy.*{reason}"):
            sources.load(tmp_path / f"{name}.npy")


def test_labels_must_be_one_an_image(tmp_path):
    for labels in (np.arange(4), np.eye(5)):
        assert "expected one label per image" in refused(npz(tmp_path / "a.npz", images=IMAGES, labels=labels))


def test_sources_that_are_none(tmp_path):
    assert "there is no file" in refused(tmp_path / "absent.npy")
    (tmp_path / "notes.txt").touch()
    wanted = "expected a .npy, .npz or .parquet file, a folder of images, or a TFDS name"
    assert f"notes.txt, {wanted}" in refused(tmp_path / "notes.txt")


# -- TFDS


def test_a_tfds_name_that_is_none():
    assert refused("mnst").startswith("there is no folder, file or TFDS data set 'mnst'. Did you mean 'mnist'")
    for name in ("photos/cats", "my photos", "nonsense_zzz", "kaggle:x"):
        assert refused(name).startswith(f"there is no folder, file or TFDS data set {name!r}.")
    assert "mnist cannot be loaded at version 9.9.9" in refused("mnist:9.9.9")


def test_a_known_name_that_cannot_be_downloaded(tmp_path, monkeypatch, capfd):
    import tensorflow_datasets as tfds

    def download(builder):
        print("Downloading and preparing data set ...")
        raise ConnectionError("no route to host\nmore of it")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", download)
    monkeypatch.setattr(sources, "_require_network", lambda: None)
    message = refused("fashion_mnist", data_dir=tmp_path)
    assert f"'fashion_mnist' is not prepared in {tmp_path}" in message
    assert "(no route to host); give the folder that contains it with --data-dir or TFDS_DATA_DIR" in message
    assert capfd.readouterr() == ("", "")


def test_prepared_data(tfds_data_dir):
    if not (tfds_data_dir / "mnist").is_dir():
        pytest.skip("no MNIST here")
    found = sources.load("mnist", split="test[:50]", data_dir=tfds_data_dir)
    assert found.images.shape == (50, 28, 28, 1) and found.images.dtype == np.uint8
    assert found.labels.shape == (50,) and found.class_names[3] == "3" and found.ids[1] == "test[:50]/1"
    stream = sources.stream("mnist", 20, (28, 28, 1), split="test[:50]", data_dir=tfds_data_dir)
    assert stream.total == 50
    np.testing.assert_array_equal(np.concatenate([images for _, images in stream]), found.images)
    for split in ("tests", "test[", "test[:x]"):
        for read in (sources.load, lambda name, **options: sources.stream(name, 2, None, **options)):
            with pytest.raises(ZooError, match="has no split .* expected one of") as caught:
                read("mnist", split=split, data_dir=tfds_data_dir)
            assert "\n" not in str(caught.value)


def test_damaged_tfds_files(tfds_data_dir, tmp_path):
    version = next((tfds_data_dir / "mnist").glob("*"), None)
    if version is None:
        pytest.skip("no MNIST here")
    copy = tmp_path / "mnist" / version.name
    copy.mkdir(parents=True)
    for file in version.iterdir():
        (copy / file.name).write_bytes(file.read_bytes()[: 5000 if "tfrecord" in file.name else None])
    assert f"the files of 'mnist' in {copy} are damaged" in refused("mnist", split="test", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("features", "reason"),
    (
        ({"text": None}, "has the features text, expected an 'image'"),
        ({"image": SimpleNamespace(shape=(None, None, 3))}, "the images of 'some' differ in size"),
    ),
)
def test_tfds_data_that_are_no_images_of_one_size(features, reason, monkeypatch):
    builder = SimpleNamespace(info=SimpleNamespace(features=features), data_dir="", is_prepared=lambda: True)
    builder.download_and_prepare = lambda: None
    monkeypatch.setattr(sources, "_builder", lambda name, data_dir: builder)
    assert reason in refused("some")
    with pytest.raises(ZooError, match=reason):
        sources.stream("some", 2, (4, 4, 3))


def test_without_a_network_a_download_is_not_tried(tmp_path, monkeypatch):
    def unresolved(*address):
        raise socket.gaierror(-2, "Name or service not known")

    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(ZooError, match="'mnist' is not prepared in .*Name or service not known.* --data-dir or TFDS_DATA_DIR"):
        sources.load("mnist", data_dir=str(tmp_path))
